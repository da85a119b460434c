#include "tools/log_analyzer/journal.hpp"

#include <charconv>

namespace milter::tools::log_analyzer {

std::optional<logged> journal::take(std::string_view line) {
    auto const value_of = [&line](std::string_view field) -> std::optional<std::string_view> {
        if (!line.starts_with(field)) return {};
        return line.substr(field.size());
    };
    if (line.starts_with(journal_begins)) {
        program_.clear();
        message_.clear();
        when_ = 0;
    } else if (auto const time = value_of("__REALTIME_TIMESTAMP=")) {
        std::int64_t microseconds = 0;
        std::from_chars(time->data(), time->data() + time->size(), microseconds);
        when_ = microseconds / 1'000'000;
    } else if (auto const program = value_of("SYSLOG_IDENTIFIER=")) {
        program_ = *program;
    } else if (auto const message = value_of("MESSAGE=")) {
        message_ = *message;
    } else if (line.empty() && program_ == "milter-manager" && when_ > 0) {
        constexpr std::string_view mark = "[statistics] ";
        if (!message_.starts_with(mark)) return {};
        auto const what = read_event(std::string_view(message_).substr(mark.size()));
        if (what) return logged{when_, *what};
    }
    return {};
}

} // namespace milter::tools::log_analyzer
