// One session of a steady load: an offer, one message, the farewell. Judges every answer that it gets. Must
// never wait for anything but the next answer.
#pragma once

#include "faults/load/children.hpp"
#include "wire/options.hpp"

#include <chrono>
#include <functional>
#include <span>

namespace milter::load {

class mta final : public io::line_user {
public:
    // Called once, from inside; the owner drops it later. wrong: what was not right, "" = nothing.
    using on_ended = std::function<void(mta&, std::string const& wrong)>;

    mta(asio::io_context& context, std::uint64_t number, on_ended ended);
    ~mta();

    // Where the first one does not take the connection, the next one is tried.
    void start(std::span<wire::endpoint const> managers);
    void give_up(std::string const& why) { end(why); }
    std::chrono::steady_clock::time_point begun() const { return begun_; }
    bool has_turned() const { return tried_ > 1; }

    void on_connected(io::line&) override { go_on(); }
    void on_frame(io::line&, wire::frame const& packet) override;
    void on_frames_done(io::line&) override;
    void on_lost(io::line&, io::lost why, std::string const& detail) override;

private:
    void connect();
    void go_on();
    void edited(wire::frame const& packet);
    void answered(wire::frame const& packet);
    void leave();
    void end(std::string const& wrong);

    struct command {
        char code;
        std::string payload;
    };

    asio::io_context& context_;
    std::uint64_t number_;
    on_ended ended_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::span<wire::endpoint const> managers_;
    std::size_t tried_ = 0;
    std::vector<command> script_;
    std::size_t position_ = 0;
    wire::steps steps_;
    unsigned headers_ = 0;
    bool waits_ = false;
    bool leaving_ = false;
    std::shared_ptr<io::line> line_;
};

} // namespace milter::load
