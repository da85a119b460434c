// Random messages of every kind, the same for the same seed. Owns the bytes that the messages view; makes
// only messages that encode as they are (no NUL inside a string, no empty body).
#pragma once

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

namespace milter::wire::test {

class generator {
public:
    explicit generator(std::uint32_t seed) : random_(seed) {}

    // kind: the index of the alternative, below std::variant_size_v<command>.
    wire::command command(std::size_t kind);
    // kind: below std::variant_size_v<reply>.
    wire::reply reply(std::size_t kind);

    std::size_t below(std::size_t limit) { return random_() % limit; }
    // Any bytes.
    std::string_view raw(std::size_t min_size, std::size_t max_size);
    // Bytes without NUL; often empty.
    std::string_view text();

private:
    std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }
    strings list(std::size_t count);
    std::string_view macro_lists();
    std::string_view keep(std::string bytes) { return kept_.emplace_back(std::move(bytes)); }

    std::mt19937 random_;
    std::deque<std::string> kept_;
};

inline std::string_view generator::raw(std::size_t min_size, std::size_t max_size) {
    std::string result(min_size + below(max_size - min_size + 1), '\0');
    for (auto& c : result)
        c = static_cast<char>(random_());
    return keep(std::move(result));
}

inline std::string_view generator::text() {
    std::string result(below(4) == 0 ? 0 : below(below(10) == 0 ? 3000 : 40), 'x');
    for (auto& c : result)
        c = static_cast<char>(1 + below(255));
    return keep(std::move(result));
}

inline strings generator::list(std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i)
        append_string(result, text());
    return strings(keep(std::move(result)));
}

inline std::string_view generator::macro_lists() {
    std::string result;
    for (auto i = below(macro_stage_count + 2); i > 0; --i)
        append_macro_list(result, {below(5) == 0 ? number() : static_cast<std::uint32_t>(below(7)), text()});
    return keep(std::move(result));
}

inline wire::command generator::command(std::size_t kind) {
    switch (kind) {
    case 0:
        return negotiate{number(), actions(number()), steps(number())};
    case 1:
        return macros{static_cast<char>(number()), list(2 * below(5))};
    case 2: {
        char const family = "UL46"[below(4)];
        if (family == 'U') return connect{text(), family, 0, {}};
        return connect{text(), family, static_cast<std::uint16_t>(number()), text()};
    }
    case 3:
        return helo{text()};
    case 4:
        return mail{text(), list(below(4))};
    case 5:
        return rcpt{text(), list(below(4))};
    case 6:
        return data{};
    case 7:
        return header{text(), text()};
    case 8:
        return end_of_headers{};
    case 9:
        return body{raw(1, 5000)};
    case 10:
        return end_of_message{};
    case 11:
        return wire::abort{};
    case 12:
        return quit{};
    case 13:
        return quit_new_connection{};
    case 14:
        return unknown{text()};
    default:
        throw std::out_of_range("no such command");
    }
}

inline wire::reply generator::reply(std::size_t kind) {
    auto arguments = [this] { return below(2) == 0 ? std::nullopt : std::optional(text()); };
    switch (kind) {
    case 0:
        return negotiated{number(), actions(number()), steps(number()), macro_lists()};
    case 1:
        return decision{static_cast<answer>("cartds4f"[below(8)])};
    case 2:
        return reply_code{text()};
    case 3:
        return progress{};
    case 4:
        return add_header{text(), text()};
    case 5:
        return insert_header{number(), text(), text()};
    case 6:
        return change_header{number(), text(), text()};
    case 7:
        return replace_body{raw(0, 5000)};
    case 8:
        return add_recipient{text()};
    case 9: {
        auto const address = text();
        return add_recipient_with_args{address, arguments()};
    }
    case 10:
        return delete_recipient{text()};
    case 11: {
        auto const address = text();
        return change_sender{address, arguments()};
    }
    case 12:
        return quarantine{text()};
    default:
        throw std::out_of_range("no such reply");
    }
}

} // namespace milter::wire::test
