#include "config/parse.hpp"
#include "config/xml.hpp"

#include <gmock/gmock.h>

namespace milter::config {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto one_of_each = R"({
    "security": {"effective_user": "a<b&c\n"},
    "manager": {"connection_spec": "inet:1@127.0.0.1", "unix_socket_mode": 432, "idle_timeout": 4.25},
    "database": {"password": "secret"},
    "conditions": [{"name": "C", "rules": []}],
    "milters": [{"name": "a", "connection_spec": "inet:2@localhost", "enabled": false,
                 "fallback_status": "reject", "applicable_conditions": ["C"]}]
})";

TEST(Xml, what_the_custom_file_can_have_and_nothing_else) { // configuration 11
    auto const text = as_xml(parse(one_of_each, "x.json").value());
    EXPECT_THAT(text, testing::StartsWith("<configuration>\n  <security>\n"));
    EXPECT_THAT(text, HasSubstr("<effective-user>a&#60;b&#38;c&#10;</effective-user>\n"));
    EXPECT_THAT(text, HasSubstr("<unix-socket-mode>0660</unix-socket-mode>\n"));
    EXPECT_THAT(text, HasSubstr("<idle-timeout>4.25</idle-timeout>\n"));
    EXPECT_THAT(text, HasSubstr(R"(    <milter>
      <name>a</name>
      <connection-spec>inet:2@localhost</connection-spec>
      <enabled>false</enabled>
      <fallback-status>reject</fallback-status>
      <evaluation-mode>false</evaluation-mode>
      <applicable-conditions>
        <applicable-condition>C</applicable-condition>
      </applicable-conditions>
)"));
    EXPECT_THAT(text, Not(HasSubstr("database")));
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    EXPECT_THAT(text, Not(HasSubstr("effective-group"))); // nil
    EXPECT_THAT(text, testing::EndsWith("  </milters>\n</configuration>\n"));
}

} // namespace
} // namespace milter::config
