// One session of milter-test-server: talks to the milter as an MTA would (protocol 20) and remembers what
// came of it. Prints nothing but notes on stderr.
#pragma once

#include "io/deadline.hpp"
#include "io/line.hpp"
#include "tools/test_server/plan.hpp"
#include "tools/test_server/settings.hpp"
#include "tools/test_server/tally.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace milter::tools::test_server {

struct result {
    std::string status;  // "pass", "reject", ...
    std::string reply;   // the text of a reply code, "" for none
    std::string failure; // why no answer could be had, with the stage; "" = there is one
    double seconds = 0;  // until the answer
    test_server::timings timings;
    message mail; // as it is then
};

class conversation final : public io::line_user {
public:
    // told must outlive it; over is called once.
    conversation(boost::asio::io_context& context, settings const& told, std::function<void()> over);
    ~conversation();
    void begin();
    test_server::result const& result() const { return result_; }

    void on_connected(io::line&) override;
    void on_frame(io::line&, wire::frame const& packet) override;
    void on_frames_done(io::line&) override;
    void on_drained(io::line&) override;
    void on_lost(io::line&, io::lost why, std::string const& detail) override;

private:
    enum deadline : io::deadlines::key { connecting, reading, writing, end_of_message };

    void on_deadline(io::deadlines::key which);
    void arm(deadline which, time_limit const& limit);
    void on_negotiated(wire::negotiated reply);
    void on_decision(std::string_view status, std::string_view reply);
    void on_answer(wire::answer what);
    void on_reply_code(std::string_view text);
    void on_edit(wire::reply const& edit, char code);
    void go_on();
    void wait_for_reply(char code);
    void count_time(char code);
    void write();
    void answered(std::string_view status, std::string_view reply, bool at_end);
    void failed(std::string text);
    void close();
    std::string_view stage() const;
    void note(std::string const& text) const;

    settings const& told_;
    std::function<void()> over_;
    std::shared_ptr<io::line> line_;
    io::deadlines deadlines_;
    std::chrono::steady_clock::time_point began_;
    std::chrono::steady_clock::time_point asked_; // what waiting_for_ waits for
    agreement agreed_;
    std::optional<plan> plan_;
    test_server::result result_;
    char waiting_for_ = 0; // the command whose reply is due
    char last_sent_ = 0;
    std::size_t recipient_ = 0;
    bool stalled_ = false; // until what was sent is taken
    bool ending_ = false;  // the answer is there, the rest is politeness
    bool over_told_ = false;
};

} // namespace milter::tools::test_server
