#include "daemon/log_environment.hpp"

#include "config/log_levels.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <boost/algorithm/string/case_conv.hpp>

namespace milter::daemon {

namespace {

std::optional<std::string> variable(char const* name) {
    char const* const text = std::getenv(name);
    return text && *text ? std::optional<std::string>(text) : std::nullopt;
}

// One variable after the other.
struct reader {
    observe::log_settings& to;
    std::set<std::string, std::less<>> const& given;
    std::vector<wrong_variable> wrong = {};

    // The value, unless the setting has one from elsewhere.
    static std::optional<std::string> unless(bool elsewhere, char const* name) {
        return elsewhere ? std::nullopt : variable(name);
    }
    bool is_given(std::string_view setting) const { return given.contains(setting); }

    template <class Set, class Field>
    void set(char const* name, std::optional<std::string> const& value, Field& field) {
        if (!value) return;
        if (auto const read = Set::parse(*value))
            field = *read;
        else
            wrong.push_back({name, *value, read.error()});
    }
    void level() { set<observe::levels>(level_name, unless(is_given("log.level"), level_name), to.console); }
    void syslog_level() { set<observe::levels>(syslog_level_name, variable(syslog_level_name), to.syslog); }
    void shown() { set<observe::items>(item_name, variable(item_name), to.shown); }
    void path() { to.path = unless(is_given("log.path"), "MILTER_LOG_PATH").value_or(to.path); }
    void facility();
    void colours();

    static constexpr char const* level_name = "MILTER_LOG_LEVEL";
    static constexpr char const* syslog_level_name = "MILTER_LOG_SYSLOG_LEVEL";
    static constexpr char const* item_name = "MILTER_LOG_ITEM";
};

void reader::facility() {
    constexpr auto name = "MILTER_LOG_SYSLOG_FACILITY";
    auto const value = unless(is_given("log.syslog_facility"), name);
    if (!value) return;
    auto const known = config::facility_names();
    auto const word = boost::algorithm::to_lower_copy(*value);
    if (std::find(known.begin(), known.end(), word) != known.end())
        to.syslog_facility = word;
    else
        wrong.push_back({name, *value, "no facility has that name"});
}

void reader::colours() {
    constexpr auto name = "MILTER_LOG_COLORIZE";
    auto const value = variable(name);
    if (!value || value == "default") return;
    if (value == "none")
        to.colours = observe::colouring::never;
    else if (value == "console")
        to.colours = observe::colouring::always;
    else
        wrong.push_back({name, *value, "\"default\", \"none\" and \"console\" are allowed"});
}

} // namespace

std::vector<wrong_variable> add_environment(observe::log_settings& to,
                                            std::set<std::string, std::less<>> const& given) {
    to.terminal = variable("TERM").value_or("");
    to.journal_stream = variable("JOURNAL_STREAM").value_or("");
    reader from{to, given};
    from.level();
    from.syslog_level();
    from.shown();
    from.path();
    from.facility();
    from.colours();
    return from.wrong;
}

} // namespace milter::daemon
