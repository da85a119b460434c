// One session between the public handler and the inner library: translates steps, answers and edits, and
// carries promised answers to the server's thread. Decides nothing about mail.
#pragma once

#include "filter/conversation.hpp"
#include "filter/filter.hpp"
#include "library/loop.hpp"

#include <milter/handler.hpp>
#include <milter/serve.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace milter {
inline namespace v3 {

class session_link final : public milter::filter::filter {
public:
    using reporter = std::function<void(std::string const&)>;

    session_link(std::unique_ptr<handler> user, milter::filter::conversation& talk,
                 std::shared_ptr<library::loop> where, reporter trouble);
    ~session_link() override;

    std::optional<std::string_view> macro(std::string_view name) const { return talk_.macro(name); }
    agreement agreed() const;
    deferred defer();
    // On the server's thread; which: of the promise.
    void resume(std::uint64_t which, body_answer const& decided, std::function<void(edits&)> const& change);
    void progress(std::uint64_t which);

    milter::filter::negotiate_answer on_negotiate(wire::negotiate const& offer) override;
    milter::filter::connect_answer on_connect(wire::connect const& who) override;
    milter::filter::connect_answer on_helo(wire::helo const& who) override;
    milter::filter::answer on_mail(wire::mail const& sender) override;
    milter::filter::answer on_rcpt(wire::rcpt const& recipient) override;
    milter::filter::answer on_data() override;
    milter::filter::unknown_answer on_unknown(wire::unknown const& command) override;
    milter::filter::answer on_header(wire::header const& field) override;
    milter::filter::answer on_end_of_headers() override;
    milter::filter::body_answer on_body(wire::body const& piece) override;
    milter::filter::answer on_end_of_message(milter::filter::edits& message) override;
    void on_abort() override;
    void on_error(std::string_view what) override;
    void on_quit() override;

private:
    // An exception of the user's function is reported, and the step fails for now.
    template <class Inner, class Call>
    Inner ask(Call call);
    template <class Call>
    void tell(Call call);

    std::unique_ptr<handler> user_;
    milter::filter::conversation& talk_;
    std::shared_ptr<library::loop> where_;
    reporter trouble_;
    std::shared_ptr<session_link*> self_; // null once this is gone
    std::optional<edits> edits_;
    std::uint64_t promises_ = 0;
    std::uint64_t open_promise_ = 0; // 0 = none
};

} // namespace v3

namespace library {

// What the inner library calls for each session; on_trouble may be empty.
milter::filter::factory sessions_of(maker make, std::shared_ptr<loop> where,
                                    session_link::reporter on_trouble);

} // namespace library
} // namespace milter
