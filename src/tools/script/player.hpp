// Plays a script against a milter, one line after the other, and compares what comes. Ends at the first thing
// that is not as the script says. Prints nothing.
#pragma once

#include "io/deadline.hpp"
#include "io/line.hpp"
#include "tools/script/script.hpp"
#include "wire/options.hpp"
#include "wire/reply.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace milter::tools::script {

// Nothing = for ever.
struct limits {
    using time = std::optional<std::chrono::milliseconds>;
    time connecting;
    time reply;
    time end_of_message;
};

// Of a script that is a record. Its header values are without the blank behind the colon; where the milter
// agrees to have it (protocol 10.1) it is added, and taken off what comes.
struct manner {
    bool is_record = false;           // a difference does not end it: it goes on with the next message
    std::vector<std::string> ignored; // lines like these (* ?) count on neither side
};

struct outcome {
    enum class kind { as_expected, otherwise, no_talk };
    kind is = kind::as_expected;
    std::string complaint;                        // complete, "FILE:LINE: ..." first, one or more; "" = none
    std::size_t answers = 0;                      // of the milter
    std::size_t compared = 0;                     // lines with `expect`
    std::vector<std::pair<char, double>> timings; // the letter of a command, seconds until its answer
};

class player {
public:
    // what must outlive it; over is called once, and may not delete it.
    player(boost::asio::io_context& context, screenplay const& what, wire::endpoint where, limits allowed,
           std::function<void()> over, manner how = {});
    ~player();
    void begin() { go_on(); }
    outcome const& result() const { return outcome_; }

private:
    class peer;
    enum deadline : io::deadlines::key { connecting, replying, pausing };

    void go_on();
    bool perform(step const& now);
    bool perform_on(peer& who, step const& now);
    bool say(peer& who, step const& now);
    void connect(std::string const& who);
    bool wait(peer& who, char code);
    bool has_other_blanks(peer const& who) const;
    void on_connected(peer& who);
    void on_frame(peer& who, wire::frame const& packet);
    void on_lost(peer& who, io::lost why, std::string const& detail);
    void on_deadline(io::deadlines::key which);
    void final_answer(peer& who, wire::reply const& reply, std::string const& words);
    void judge(peer& who, std::string const& last);
    void done(peer& who);
    void fail(outcome::kind is, std::size_t line, std::string const& text);
    void differs(peer& who, std::size_t line, std::string const& text, bool message_goes_on = false);
    void complain(std::size_t line, std::string const& text);
    void finish();
    step const& now() const { return what_.steps[at_]; }

    boost::asio::io_context& context_;
    screenplay const& what_;
    wire::endpoint where_;
    limits allowed_;
    std::function<void()> over_;
    manner how_;
    io::deadlines deadlines_;
    std::map<std::string, std::unique_ptr<peer>> peers_;
    std::vector<std::unique_ptr<peer>> former_;
    std::size_t at_ = 0;
    peer* awaited_ = nullptr; // whose answer is due
    char awaited_for_ = 0;    // the letter of the command; 0 = that it closes
    bool implied_ = false;    // the offer that every connection begins with, when the script has none
    bool going_ = false;
    bool again_ = false;
    bool ended_ = false;
    std::chrono::steady_clock::time_point asked_; // when the awaited answer became due
    std::vector<std::string> came_;
    outcome outcome_;
};

} // namespace milter::tools::script
