// decode_reply: what decodes is written back byte for byte, except for surplus on a bare letter and a missing
// NUL of a reply code. Input: letter, payload.
#include "fuzz.hpp"

#include "wire/reply.hpp"

using namespace milter;
using fuzz::check;

namespace {

void check_macro_lists(wire::negotiated found) {
    std::string again;
    auto const whole = found.macro_lists;
    while (auto one = found.next())
        wire::append_macro_list(again, *one);
    check(again == whole, "the macro lists of a packet are the packet");
}

void check_decoded(wire::frame const& packet, wire::reply const& found) {
    std::string again;
    wire::encode(again, found);
    auto const second = wire::decode_reply(fuzz::only_frame(again));
    check(second.has_value(), "what is encoded decodes");
    check(*second == found, "decode(encode(m)) == m");

    std::string same;
    if (std::holds_alternative<wire::decision>(found) || std::holds_alternative<wire::progress>(found))
        wire::append_frame(same, packet.code, {});
    else if (auto const* text = std::get_if<wire::reply_code>(&found))
        wire::append_frame(same, packet.code, text->text, std::string_view("\0", 1));
    else
        wire::append_frame(same, packet.code, packet.payload);
    check(again == same, "encode(decode(bytes)) == bytes");
    if (auto const* answer = std::get_if<wire::negotiated>(&found)) check_macro_lists(*answer);
}

void check_encoder(std::string_view bytes) {
    auto const name = bytes.substr(0, bytes.size() / 2);
    auto const value = bytes.substr(bytes.size() / 2);
    std::string packet;
    wire::encode(packet, wire::change_header{static_cast<std::uint32_t>(bytes.size()), name, value});
    auto const found = wire::decode_reply(fuzz::only_frame(packet));
    wire::change_header const wanted{static_cast<std::uint32_t>(bytes.size()),
                                     name.substr(0, name.find('\0')), value.substr(0, value.find('\0'))};
    check(found && *found == wire::reply(wanted), "a NUL ends a string and forges nothing");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 1) return 0;
    auto const input = fuzz::with_nuls(data, size);
    wire::frame const packet{input[0], std::string_view(input).substr(1)};
    check_encoder(packet.payload);
    auto const found = wire::decode_reply(packet);
    bool const known = wire::reply_name(packet.code) != "unknown-letter";
    if (found) {
        check(known, "a reply has a name");
        check_decoded(packet, *found);
    } else {
        auto const why = found.error();
        check(known == (why != wire::error::unknown_code), "a letter without a name is refused");
        check(why == wire::error::unknown_code || why == wire::error::payload_too_short ||
                  why == wire::error::missing_nul || why == wire::error::unexpected_data,
              "an error of replies");
    }
    return 0;
}
