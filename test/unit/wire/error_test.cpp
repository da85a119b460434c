#include "wire/error.hpp"

#include "unit/wire/notation.hpp"
#include "wire/smtp_reply.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace milter::wire::test {
namespace {

constexpr error all[] = {
    error::frame_empty,       error::frame_too_long, error::unknown_code,
    error::payload_too_short, error::missing_nul,    error::unexpected_data,
    error::odd_macro,         error::bad_family,     error::bad_smtp_reply,
};

std::optional<error> stream_error(std::string const& stream) {
    frame_reader reader(10);
    auto const space = reader.space(stream.size());
    std::memcpy(space.data(), stream.data(), stream.size());
    reader.filled(stream.size());
    auto const next = reader.next();
    return next ? std::nullopt : std::optional(next.error());
}

TEST(error, has_an_input_that_provokes_it_for_every_value) {
    std::set<error> provoked;
    auto expect = [&](std::optional<error> got, error wanted) {
        EXPECT_EQ(got, wanted) << describe(wanted);
        if (got) provoked.insert(*got);
    };
    expect(stream_error(bytes("00 00 00 00")), error::frame_empty);
    expect(stream_error(bytes("00 00 00 0C")), error::frame_too_long);
    expect(decode_command({'?', {}}).error(), error::unknown_code);
    expect(decode_reply({'l', {}}).error(), error::unknown_code);
    expect(decode_command({'O', "short"}).error(), error::payload_too_short);
    expect(decode_reply({'m', "x"}).error(), error::payload_too_short);
    expect(decode_command({'H', "mx"}).error(), error::missing_nul);
    expect(decode_reply({'q', "why"}).error(), error::missing_nul);
    expect(decode_reply({'+', std::string_view("<a>\0b", 5)}).error(), error::unexpected_data);
    expect(oddity({'T', "x"}), error::unexpected_data);
    expect(oddity({'D', std::string_view("Mi\0", 3)}), error::odd_macro);
    expect(decode_command({'C', std::string_view("h\0X", 3)}).error(), error::bad_family);
    expect(smtp_reply::parse("250 fine").error(), error::bad_smtp_reply);
    EXPECT_EQ(provoked, std::set<error>(std::begin(all), std::end(all)));
}

TEST(error, has_a_text_of_its_own_for_every_value) {
    std::set<std::string_view> texts;
    for (auto one : all) {
        auto const text = describe(one);
        EXPECT_FALSE(text.empty());
        EXPECT_NE(text.back(), '.');
        texts.insert(text);
    }
    EXPECT_EQ(texts.size(), std::size(all));
    EXPECT_EQ(describe(error::frame_too_long), "the packet is longer than the limit");
}

} // namespace
} // namespace milter::wire::test
