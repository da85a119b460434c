#include "config/inspect.hpp"
#include "config/settings.hpp"

#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::HasSubstr;

std::string manual() {
    std::ifstream file(MANUAL_PAGE);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string table_text(std::string_view plain) {
    std::string text;
    for (char const c : plain)
        text += c == '|' ? std::string("\\|") : std::string(1, c);
    return text;
}

// The manual's line about a setting; "" when there is none.
std::string line_about(std::string const& page, std::string const& name) {
    auto const begin = page.find(fmt::format("\n| `{}` |", name));
    return begin == std::string::npos ? "" : page.substr(begin + 1, page.find('\n', begin + 1) - begin - 1);
}

template <class Owner>
void expect_described(std::span<setting<Owner> const> table) {
    auto const page = manual();
    for (auto const& one : table) {
        auto const name = fmt::format("{}.{}", one.section, one.name);
        auto const line = line_about(page, name);
        EXPECT_THAT(line, HasSubstr(fmt::format("| {} |", table_text(one.documentation)))) << name;
        EXPECT_THAT(line, HasSubstr(one.unit)) << name;
        EXPECT_THAT(line, HasSubstr(fmt::format("| `{} = ", name))) << "an example of " << name;
        if (line.find("| of the build |") != std::string::npos) continue;
        auto const standard = one.shown == shown::octal ? "0660" : inspect(one.field.get(Owner{}));
        EXPECT_THAT(line, HasSubstr(fmt::format("| `{}` |", standard))) << "the default of " << name;
    }
}

TEST(Manual, describes_every_setting_with_its_unit_default_and_meaning) {
    expect_described(settings());
}

TEST(Manual, describes_every_attribute_of_a_milter) {
    expect_described(milter_settings());
}

} // namespace
} // namespace milter::config
