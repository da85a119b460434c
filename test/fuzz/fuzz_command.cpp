// decode_command: what decodes is written back byte for byte, except for what oddity() names. Input: letter,
// payload.
#include "fuzz.hpp"

#include "wire/command.hpp"

#include <algorithm>

using namespace milter;
using fuzz::check;

namespace {

void check_macros(wire::macros found) {
    std::string again;
    while (auto pair = found.next()) {
        wire::append_string(again, pair->first);
        wire::append_string(again, pair->second);
    }
    check(found.pairs.empty(), "decoded macros are whole pairs");
}

void check_strings(wire::strings list) {
    std::string again;
    auto const whole = list.bytes();
    while (auto one = list.next())
        wire::append_string(again, *one);
    check(again == whole, "the strings of a list are the list");
}

void check_decoded(wire::frame const& packet, wire::command const& found) {
    std::string again;
    wire::encode(again, found);
    auto const second = wire::decode_command(fuzz::only_frame(again));
    check(second.has_value(), "what is encoded decodes");
    std::string third;
    wire::encode(third, *second);
    check(third == again, "encoding is stable");

    std::string same;
    wire::append_frame(same, packet.code, packet.payload);
    auto const odd = wire::oddity(packet);
    if (std::holds_alternative<wire::end_of_message>(found)) {
        check(!odd && again == std::string_view("\0\0\0\1E", 5), "data of E is never sent on");
        return;
    }
    check(*second == found, "decode(encode(m)) == m");
    check(odd.has_value() == (again != same), "oddity() names every difference");
    check(again.size() <= same.size(), "nothing is added");
    if (odd) {
        bool const macro = packet.code == wire::macros::code;
        check(*odd == (macro ? wire::error::odd_macro : wire::error::unexpected_data), "of the right kind");
    }
    if (auto const* macros = std::get_if<wire::macros>(&found)) check_macros(*macros);
    if (auto const* mail = std::get_if<wire::mail>(&found)) check_strings(mail->arguments);
    if (auto const* rcpt = std::get_if<wire::rcpt>(&found)) check_strings(rcpt->arguments);
}

// Whatever the strings hold: one frame, and the fields end where the first NUL is.
void check_encoder(std::string_view bytes) {
    auto const name = bytes.substr(0, bytes.size() / 2);
    auto const value = bytes.substr(bytes.size() / 2);
    std::string packet;
    wire::encode(packet, wire::header{name, value});
    auto const found = wire::decode_command(fuzz::only_frame(packet));
    wire::header const wanted{name.substr(0, name.find('\0')), value.substr(0, value.find('\0'))};
    check(found && *found == wire::command(wanted), "a NUL ends a string and forges nothing");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 1) return 0;
    auto const input = fuzz::with_nuls(data, size);
    wire::frame const packet{input[0], std::string_view(input).substr(1)};
    check_encoder(packet.payload);
    auto const found = wire::decode_command(packet);
    bool const known = wire::command_name(packet.code) != "unknown-letter";
    if (found) {
        check(known, "a command has a name");
        check_decoded(packet, *found);
    } else {
        check(known == (found.error() != wire::error::unknown_code), "a letter without a name is refused");
        check(!wire::oddity(packet), "an error is not also an oddity");
        constexpr wire::error possible[] = {wire::error::unknown_code, wire::error::payload_too_short,
                                            wire::error::missing_nul, wire::error::bad_family};
        check(std::count(std::begin(possible), std::end(possible), found.error()) == 1,
              "an error of commands");
    }
    return 0;
}
