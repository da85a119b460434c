#include "tools/log_analyzer/stamp.hpp"

#include <array>
#include <chrono>
#include <ctime>

namespace milter::tools::log_analyzer {

namespace {

constexpr seconds_utc a_day = 24 * 60 * 60;

// Reads digits only, from the front.
class reader {
public:
    explicit reader(std::string_view text) : rest_(text) {}

    int number(std::size_t least, std::size_t most) {
        int value = 0;
        std::size_t digits = 0;
        while (digits < most && digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9')
            value = value * 10 + (rest_[digits++] - '0');
        if (digits < least) good_ = false;
        rest_.remove_prefix(digits);
        return value;
    }
    bool skip(char one) {
        if (rest_.empty() || rest_.front() != one) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void need(char one) {
        if (!skip(one)) good_ = false;
    }
    void blanks() {
        need(' ');
        while (skip(' ')) {
        }
    }
    void drop(std::size_t count) { rest_.remove_prefix(count); }
    bool good() const { return good_; }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
    bool good_ = true;
};

struct clock {
    int hour, minute, second;
    bool sane() const { return hour < 24 && minute < 60 && second < 62; }
    int of_day() const { return hour * 3600 + minute * 60 + second; }
};

clock read_clock(reader& from) {
    int const hour = from.number(1, 2);
    from.need(':');
    int const minute = from.number(2, 2);
    from.need(':');
    return {hour, minute, from.number(2, 2)};
}

// "Z", "+01:00", "+0100"; nothing = not one of these.
std::optional<int> read_offset(reader& from) {
    if (from.skip('Z')) return 0;
    int const sign = from.skip('+') ? 1 : from.skip('-') ? -1 : 0;
    if (sign == 0) return {};
    int const hours = from.number(2, 2);
    from.skip(':');
    return sign * (hours * 3600 + from.number(2, 2) * 60);
}

std::optional<seconds_utc> take_rfc_3339(std::string_view& line) {
    reader from(line);
    bool const ours = from.skip('[');
    int const year = from.number(4, 4);
    from.need('-');
    int const month = from.number(2, 2);
    from.need('-');
    int const day = from.number(2, 2);
    if (!from.skip('T')) from.need(' ');
    auto const at = read_clock(from);
    if (from.skip('.') || from.skip(',')) from.number(1, 12);
    auto const offset = read_offset(from);
    if (ours) {
        from.need(']');
        from.need(':');
    }
    from.need(' ');
    std::chrono::year_month_day const date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!from.good() || !offset || !date.ok() || !at.sane()) return {};
    line = from.rest();
    return std::chrono::sys_days(date).time_since_epoch().count() * a_day + at.of_day() - *offset;
}

// 0 = January; nothing = no month.
std::optional<int> read_month(std::string_view text) {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    auto const found = names.find(text.substr(0, 3));
    if (text.size() < 3 || found == std::string_view::npos || found % 3 != 0) return {};
    return static_cast<int>(found / 3);
}

seconds_utc local_time(int year, int month, int day, clock const& at) {
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month;
    parts.tm_mday = day;
    parts.tm_hour = at.hour;
    parts.tm_min = at.minute;
    parts.tm_isdst = -1;
    return std::mktime(&parts);
}

int local_year(seconds_utc when) {
    std::time_t const time = when;
    std::tm parts{};
    ::localtime_r(&time, &parts);
    return parts.tm_year + 1900;
}

} // namespace

stamps::stamps(seconds_utc now) : now_(now) {}

std::optional<seconds_utc> stamps::take(std::string_view& line) {
    if (line.empty()) return {};
    bool const digits = (line.front() >= '0' && line.front() <= '9') || line.front() == '[';
    return digits ? take_rfc_3339(line) : take_traditional(line);
}

std::optional<seconds_utc> stamps::take_traditional(std::string_view& line) {
    auto const month = read_month(line);
    if (!month) return {};
    reader from(line);
    from.drop(3);
    from.blanks();
    int const day = from.number(1, 2);
    from.blanks();
    auto const at = read_clock(from);
    from.need(' ');
    if (!from.good() || !at.sane() || day < 1 || day > 31) return {};
    line = from.rest();
    auto const minute = ((static_cast<unsigned>(*month) * 32U + static_cast<unsigned>(day)) * 24U +
                         static_cast<unsigned>(at.hour)) *
                            60U +
                        static_cast<unsigned>(at.minute) + 1U;
    if (minute != known_minute_) {
        int const year = local_year(now_);
        known_start_ = local_time(year, *month, day, at);
        if (known_start_ > now_ + a_day) known_start_ = local_time(year - 1, *month, day, at);
        known_minute_ = minute;
    }
    return known_start_ + at.second;
}

} // namespace milter::tools::log_analyzer
