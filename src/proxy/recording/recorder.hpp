// Writes down one session as a scenario while it happens: what the MTA says, and what it is told that is not
// plain `continue`. Knows no files; never changes what it sees.
#pragma once

#include "proxy/recording/masks.hpp"
#include "wire/frame.hpp"
#include "wire/options.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace milter::proxy {

class recorder {
public:
    // Of how many bytes it holds more (or fewer) is told to grow; false: there is no room, the session is
    // given up. over: the text, once; "" when it was given up.
    struct uses {
        std::function<bool(std::ptrdiff_t bytes)> grow;
        std::function<void(std::string text)> over;
    };
    recorder(record_masks masks, std::string heading, uses by);
    ~recorder();
    recorder(recorder const&) = delete;
    recorder& operator=(recorder const&) = delete;

    void said(wire::frame const& by_mta);
    // Whole packets.
    void told(std::string_view to_mta);

private:
    struct line {
        char code;
        std::string text;
    };
    void write(line one);
    void write_expected(wire::frame const& packet);
    void add(std::string_view written);
    void give_up();
    bool values_have_blank() const;

    session_masks masks_;
    bool masked_;
    uses by_;
    std::string text_;
    std::string expected_;    // of the answer that is due
    std::deque<line> behind_; // that the MTA has said before it had that answer
    char due_ = 0;            // the letter of the command
    wire::steps agreed_;
    bool given_up_ = false;
};

} // namespace milter::proxy
