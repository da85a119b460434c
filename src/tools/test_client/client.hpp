// The milter of milter-test-client: prints what it is told and answers as its settings say. Prints texts as
// they are: its output is read by programs.
#pragma once

#include "filter/conversation.hpp"
#include "filter/filter.hpp"
#include "tools/test_client/behaviour.hpp"
#include "tools/test_client/output.hpp"
#include "tools/test_client/settings.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::tools::test_client {

class client final : public filter::filter {
public:
    // All outlive the client.
    client(settings const& told, boost::asio::io_context& context, milter::filter::conversation& talk,
           totals& sum);

    milter::filter::negotiate_answer on_negotiate(wire::negotiate const& offer) override;
    milter::filter::connect_answer on_connect(wire::connect const& peer) override;
    milter::filter::connect_answer on_helo(wire::helo const& peer) override;
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
    // One thing received, with the macros that came with it: printed, counted, recorded by the caller.
    void report(std::string_view event, std::string_view line, members all);
    void note_macros(char step);
    // As the settings say; `usual` when they say nothing else.
    template <class Answer>
    Answer decide(char step, std::string_view text,
                  milter::filter::body_answer usual = milter::filter::go_on{});
    milter::filter::body_answer decided(char step, std::string_view text, milter::filter::body_answer usual);
    milter::filter::body_answer after_delay(char step, milter::filter::body_answer answer);
    bool misbehaves(char step);
    // The next deeds of a script's rule; `later` when they wait or never answer.
    milter::filter::body_answer play(char step);
    void resume(char step);
    milter::filter::negotiate_answer negotiate();
    void edit(milter::filter::edits& message) const;
    void begin_message();

    settings const& told_;
    milter::filter::conversation& talk_;
    totals& sum_of_all_;
    std::uint64_t number_;
    recording record_;
    script_rule const* rule_ = nullptr; // being played
    std::size_t deed_ = 0;
    milter::filter::body_answer usual_;        // at its end
    milter::filter::edits* message_ = nullptr; // while the end of the message is being answered
    boost::asio::steady_timer timer_;
    body_search search_;
    body_sum sum_;
    std::string last_piece_;
};

} // namespace milter::tools::test_client
