// One connection to a milter, one command after the other: sends, waits for the answer, and judges each
// packet that comes by the rules that speak of packets. Blocks its caller; prints nothing.
#pragma once

#include "io/line.hpp"
#include "tools/conformance/rules.hpp"
#include "tools/test_server/plan.hpp"
#include "tools/test_server/settings.hpp"
#include "wire/reply.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace milter::tools::conformance {

using test_server::settings;
using test_server::time_limit;

// How far a message came.
enum class ending {
    reached,      // the command that was asked for, or it is not wanted
    decided,      // accepted, refused or discarded before
    session_over, // accepted or refused at connect or helo
    failed        // trouble() says how
};

enum class delivery { packets, single_bytes, one_write };

class dialog final : public io::line_user {
public:
    // told and found must outlive it.
    dialog(boost::asio::io_context& context, settings const& told, findings& found);
    ~dialog();
    dialog(dialog const&) = delete;
    dialog& operator=(dialog const&) = delete;

    // False: trouble() says why. refused() when the milter is there and closed behind the offer.
    bool connect();
    bool offer(wire::negotiate const& what);
    bool refused() const { return refused_; }
    wire::negotiated const& agreed() const { return agreed_; }

    // Says `what` from its beginning (the session's only once) up to the command of this letter, all of them
    // if there are more.
    ending message(settings const& what, char last = wire::end_of_message::code,
                   delivery how = delivery::packets);
    // An unknown command; failed or reached.
    ending unknown(std::string_view text);
    // What has no answer, as it is.
    void tell(wire::command const& what);
    // The next message() begins a session.
    void new_session();
    // True when the milter closes in time; what it says before that is unasked.
    bool quit();
    // Without a word, inside a packet.
    void hang_up();
    // What was decided before the end, or what went wrong: "reject at `rcpt`".
    std::string const& decision() const { return decision_; }
    std::string const& trouble() const { return trouble_; }

    void on_connected(io::line&) override { connected_ = true; }
    void on_frame(io::line&, wire::frame const& came) override;
    void on_lost(io::line&, io::lost why, std::string const& detail) override;

private:
    struct packet {
        char code;
        std::string payload;
    };
    enum class step { go_on, skip, decided, failed };

    step say(test_server::plan const& from, test_server::planned const& one, delivery how);
    ending all_at_once(test_server::plan& from);
    step answer(char code);
    void judge_edit(char code, packet const& came);
    step judge_decision(char code, wire::decision what);
    void send(std::string_view bytes, delivery how);
    void drop_unasked();
    std::string where(char code) const;
    template <class Done>
    bool wait(time_limit const& limit, Done const& done);

    boost::asio::io_context& context_;
    settings const& told_;
    findings& found_;
    std::shared_ptr<io::line> line_;
    std::deque<packet> arrived_;
    bool connected_ = false;
    bool refused_ = false;
    bool in_session_ = false; // connect and helo are said
    std::string lost_;        // how; "" = it is there
    std::string agreed_text_; // that agreed_ looks at
    wire::negotiated agreed_;
    wire::actions offered_;
    std::size_t said_ = 0; // commands
    char last_said_ = 'O';
    std::string decision_;
    std::string trouble_;
};

} // namespace milter::tools::conformance
