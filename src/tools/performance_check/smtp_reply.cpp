#include "tools/performance_check/smtp_reply.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace milter::tools::performance_check {

namespace {

// For a message on a terminal.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, 80));
    for (char& one : out)
        if (static_cast<unsigned char>(one) < 0x20 || static_cast<unsigned char>(one) >= 0x7f) one = '?';
    return out;
}

} // namespace

std::string smtp_reply::text() const {
    return printable(fmt::format("{} {}", code, fmt::join(lines, " / ")));
}

std::optional<smtp_reply> reply_reader::next() {
    while (wrong_.empty() && !whole_) {
        auto const end = waiting_.find('\n');
        if (end == std::string::npos || end > longest_line) {
            if (waiting_.size() > longest_line) wrong_ = "a line of the reply is too long";
            return {};
        }
        auto const line = waiting_.substr(0, end > 0 && waiting_[end - 1] == '\r' ? end - 1 : end);
        waiting_.erase(0, end + 1);
        if (!take_line(line)) return {};
    }
    if (!std::exchange(whole_, false)) return {};
    return std::exchange(current_, {});
}

bool reply_reader::take_line(std::string_view line) {
    unsigned code = 0;
    auto const [end, error] = std::from_chars(line.data(), line.data() + line.size(), code);
    bool const three = error == std::errc{} && end == line.data() + 3 && code >= 200 && code < 600;
    bool const more = line.size() > 3 && line[3] == '-';
    bool const shaped = three && (line.size() == 3 || more || line[3] == ' ');
    if (!shaped || (!current_.lines.empty() && code != current_.code)) {
        wrong_ = fmt::format("this is no SMTP reply: \"{}\"", printable(line));
        return false;
    }
    current_.code = code;
    current_.lines.emplace_back(line.size() > 4 ? line.substr(4) : std::string_view{});
    whole_ = !more;
    if (current_.lines.size() > most_lines) wrong_ = "a reply has too many lines";
    return wrong_.empty();
}

} // namespace milter::tools::performance_check
