#include "config/defaults.hpp"
#include "config/inspect.hpp"
#include "config/parse.hpp"
#include "config/settings.hpp"
#include "config/show.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::HasSubstr;

// A value other than the default that each kind of rule lets through.
std::string other_value(rule const& by, value const& standard) {
    switch (by.type) {
    case type::boolean:
    case type::strict_boolean:
        return std::get<bool>(standard) ? "false" : "true";
    case type::integer:
    case type::mode:
        return std::to_string(std::get<std::int64_t>(standard) == 7 ? 8 : 7);
    case type::time:
        return "1.5";
    case type::word:
    case type::facility: {
        auto const is_other = [&](auto const& word) { return word != std::get<std::string>(standard); };
        return inspect(*std::find_if(by.words.begin(), by.words.end(), is_other));
    }
    case type::endpoint:
        return R"("unix:/other")";
    case type::levels:
        return R"("error")";
    case type::macros:
        return R"({"helo": ["x"]})";
    case type::object:
        return R"({"a": 1})";
    case type::conditions:
        return "[]"; // no other one yet
    case type::text:
    case type::scalar:
        break;
    }
    return R"("other text")";
}

// A value that no rule of this kind lets through; "" when there is none.
std::string bad_value(rule const& by) {
    if (by.type == type::boolean) return "";
    return by.type == type::object || by.type == type::macros ? "[3]" : R"({"ruby": "#<Object>"})";
}

std::string with(std::string_view section, std::string_view name, std::string_view json) {
    if (section != "milter") {
        return fmt::format(R"({{"{0}": {{"{1}": {2}}}, "locations": {{"{0}.{1}": "f:3"}}}})", section, name,
                           json);
    }
    auto const socket = name == "connection_spec" ? "" : R"("connection_spec": "unix:/m", )";
    return fmt::format(R"({{"milters": [{{"name": "m", {}"{}": {}, "locations": {{"{}": "f:3"}}}}]}})",
                       socket, name, json, name);
}

template <class Owner>
Owner const& owner(snapshot const& of) {
    if constexpr (std::is_same_v<Owner, snapshot>) {
        return of;
    } else {
        return of.milters.front();
    }
}

template <class Owner>
class EverySetting : public testing::Test {
protected:
    static std::span<setting<Owner> const> table() {
        if constexpr (std::is_same_v<Owner, snapshot>) {
            return settings();
        } else {
            return milter_settings();
        }
    }
};

using owners = testing::Types<snapshot, milter>;
TYPED_TEST_SUITE(EverySetting, owners);

TYPED_TEST(EverySetting, is_read_stored_and_shown_with_its_place) {
    ASSERT_GT(this->table().size(), 15U);
    for (auto const& one : this->table()) {
        if (one.rule.type == type::conditions) continue;
        auto const standard = one.field.get(TypeParam{});
        auto const json = with(one.section, one.name, other_value(one.rule, standard));
        auto const read = parse(json, "x.json");
        ASSERT_TRUE(read) << json << ": " << read.error().front().text();
        EXPECT_NE(one.field.get(owner<TypeParam>(*read)), standard) << json;
        if (one.shown == shown::hidden) continue;
        auto const place = one.origin == origin::never_told ? "default" : "f:3";
        auto const text = one.shown == shown::masked  ? R"("********")"
                          : one.shown == shown::octal ? "07"
                                                      : inspect(one.field.get(owner<TypeParam>(*read)));
        EXPECT_THAT(show(*read),
                    HasSubstr(fmt::format("# {}\n{}{}.{} = {}\n", place, one.section == "milter" ? "  " : "",
                                          one.section, one.name, text)));
    }
}

TYPED_TEST(EverySetting, refuses_what_is_not_of_its_type_with_its_place) {
    for (auto const& one : this->table()) {
        auto const bad = bad_value(one.rule);
        if (bad.empty()) continue;
        auto const read = parse(with(one.section, one.name, bad), "x.json");
        ASSERT_FALSE(read) << one.section << "." << one.name;
        ASSERT_EQ(read.error().size(), 1U);
        EXPECT_EQ(read.error().front().where, "f:3");
        EXPECT_THAT(read.error().front().what, HasSubstr(fmt::format("{}.{} ", one.section, one.name)));
        EXPECT_THAT(read.error().front().what, HasSubstr(" is allowed"));
    }
}

TYPED_TEST(EverySetting, takes_nil_as_its_rule_says) {
    for (auto const& one : this->table()) {
        auto const read = parse(with(one.section, one.name, "null"), "x.json");
        ASSERT_EQ(read.has_value(), one.rule.nil != on_nil::refuse) << one.section << "." << one.name;
        if (!read) continue;
        auto const held = one.field.get(owner<TypeParam>(*read));
        auto const expected = one.rule.type == type::boolean ? value{false}
                              : one.rule.nil == on_nil::zero ? value{std::int64_t{0}}
                              : one.field.can_be_empty       ? value{}
                                                             : one.field.get(TypeParam{});
        EXPECT_EQ(inspect(held), inspect(expected)) << one.section << "." << one.name;
    }
}

TYPED_TEST(EverySetting, has_a_name_of_its_own_and_a_documentation) {
    std::set<std::string> names;
    for (auto const& one : this->table()) {
        EXPECT_TRUE(names.insert(fmt::format("{}.{}", one.section, one.name)).second)
            << one.name << " is there twice";
        EXPECT_TRUE(one.documentation.ends_with(".")) << one.name;
    }
}

TYPED_TEST(EverySetting, has_a_default_that_its_own_rule_lets_through) {
    auto const all = defaults();
    for (auto const& one : this->table()) {
        auto const& standard = all.at(one.section).as_object().at(one.name);
        if (standard.is_null()) continue;
        auto const judged = judge(one.rule, standard);
        ASSERT_TRUE(judged) << one.name << " " << judged.error();
        EXPECT_EQ(inspect(*judged), inspect(one.field.get(TypeParam{}))) << one.name;
    }
}

} // namespace
} // namespace milter::config
