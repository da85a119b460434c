// Takes out of a session what it says about people: addresses, hosts, texts. The same address has the same
// mask within a session, so that conditions and milters still tell one from another. Knows no files.
#pragma once

#include "wire/command.hpp"

#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace milter::proxy {

struct record_masks {
    bool addresses = false; // of mail, of hosts, and names of users, wherever they stand but in bodies
    bool bodies = false;    // and the values of header fields
    bool any() const { return addresses || bodies; }
};

class session_masks {
public:
    explicit session_masks(record_masks which) : which_(which) {}

    // What is looked at by the result is valid until the next call, or belongs to what was given.
    wire::command operator()(wire::command const& what);

private:
    wire::command of(wire::macros what);
    wire::command of(wire::connect what);
    wire::command of(wire::helo what);
    wire::command of(wire::mail what);
    wire::command of(wire::rcpt what);
    wire::command of(wire::header what);
    wire::command of(wire::body what);
    wire::command of(wire::end_of_message what);
    wire::command of(wire::unknown what);
    template <class Other>
    wire::command of(Other const& what) {
        return what;
    }

    std::string words(std::string_view text, bool all);
    std::string one_word(std::string_view word);
    std::string mail_address(std::string_view address);
    std::string network_address(std::string_view address);
    wire::strings arguments(wire::strings all);
    std::string_view hold(std::string text) { return held_.emplace_back(std::move(text)); }
    std::size_t number_of(std::string_view what);

    record_masks which_;
    std::map<std::string, std::size_t, std::less<>> numbers_;
    std::deque<std::string> held_;
};

} // namespace milter::proxy
