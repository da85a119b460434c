#include "config/inspect.hpp"
#include "config/pending.hpp"
#include "config/settings.hpp"
#include "config/settings_page.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::HasSubstr;

std::string committed() {
    std::ifstream file(SETTINGS_PAGE);
    return {std::istreambuf_iterator<char>(file), {}};
}

// What a page says of one setting; "" when it is not there.
std::string part_about(std::string const& page, std::string const& name) {
    auto const begin = page.find(fmt::format("\n### {}\n", name));
    return begin == std::string::npos ? "" : page.substr(begin, page.find("\n#", begin + 1) - begin);
}

// a and b up to the line in which they begin to differ.
std::string difference(std::string const& a, std::string const& b) {
    auto const at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
    auto const line = a.rfind('\n', static_cast<std::size_t>(at)) + 1;
    return fmt::format("line {}:\nprinted:   {}\ncommitted: {}\n",
                       1 + std::count(a.begin(), a.begin() + at, '\n'),
                       a.substr(line, a.find('\n', line) - line), b.substr(line, b.find('\n', line) - line));
}

template <class Owner>
void expect_described(std::span<setting<Owner> const> table) {
    auto const page = settings_page();
    for (auto const& one : table) {
        auto const name = fmt::format("{}.{}", one.section, one.name);
        auto const part = part_about(page, name);
        EXPECT_THAT(part, HasSubstr(one.documentation)) << name;
        EXPECT_THAT(part, HasSubstr(one.unit)) << name;
        EXPECT_THAT(part, HasSubstr(fmt::format("- allowed: {}\n", allowed(one.rule)))) << name;
        EXPECT_THAT(part, HasSubstr(fmt::format("- since: {}\n", one.since))) << name;
        EXPECT_THAT(part, HasSubstr(fmt::format("- example: `{} = ", name)));
        EXPECT_EQ(part.find("No effect in this version") != std::string::npos,
                  is_pending(one.section, one.name))
            << name;
        auto const standard = one.shown == shown::octal ? "`0660`"
                              : one.build_default.empty()
                                  ? fmt::format("`{}`", inspect(one.field.get(Owner{})))
                                  : std::string(one.build_default);
        EXPECT_THAT(part, HasSubstr(fmt::format("- default: {}\n", standard))) << name;
    }
}

TEST(Manual, describes_every_setting_with_its_unit_default_and_meaning) {
    expect_described(settings());
}

TEST(Manual, describes_every_attribute_of_a_milter) {
    expect_described(milter_settings());
}

TEST(Manual, says_of_what_is_read_once_that_a_change_needs_a_restart) {
    auto const page = settings_page();
    for (auto const* name : {"manager.pid_file", "security.effective_user", "manager.n_workers"})
        EXPECT_THAT(part_about(page, name), HasSubstr("- a change needs: a restart\n")) << name;
    for (auto const* name :
         {"log.level", "manager.connection_spec", "manager.max_connections", "milter.fallback_status"})
        EXPECT_THAT(part_about(page, name), HasSubstr("- a change needs: a reload\n")) << name;
}

TEST(Manual, the_committed_page_is_the_printed_one) {
    auto const printed = settings_page();
    EXPECT_TRUE(committed() == printed)
        << difference(printed, committed())
        << "renew it:  milter-manager --config-reference > docs/manual/settings.md";
}

} // namespace
} // namespace milter::config
