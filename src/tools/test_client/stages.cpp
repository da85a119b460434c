#include "tools/test_client/stages.hpp"

#include "wire/command.hpp"

#include <array>

namespace milter::tools::test_client {

namespace {

struct stage_name {
    std::string_view name;
    char stage;
};

constexpr std::array stages_by_name = std::to_array<stage_name>({
    {"negotiate", wire::negotiate::code},
    {"connect", wire::connect::code},
    {"helo", wire::helo::code},
    {"envelope-from", wire::mail::code},
    {"mail", wire::mail::code},
    {"envelope-recipient", wire::rcpt::code},
    {"rcpt", wire::rcpt::code},
    {"unknown", wire::unknown::code},
    {"data", wire::data::code},
    {"header", wire::header::code},
    {"end-of-header", wire::end_of_headers::code},
    {"end-of-headers", wire::end_of_headers::code},
    {"body", wire::body::code},
    {"end-of-message", wire::end_of_message::code},
});

} // namespace

std::optional<char> stage_by_name(std::string_view name) {
    for (auto const& one : stages_by_name)
        if (one.name == name) return one.stage;
    return std::nullopt;
}

bool has_discard(char stage) {
    return stage != wire::negotiate::code && stage != wire::connect::code && stage != wire::helo::code &&
           stage != wire::unknown::code;
}

bool has_accept(char stage) {
    return stage != wire::negotiate::code && stage != wire::unknown::code;
}

} // namespace milter::tools::test_client
