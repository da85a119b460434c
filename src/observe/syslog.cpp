#include "observe/syslog.hpp"

#include "observe/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

namespace milter::observe {

namespace {

constexpr std::size_t longest_text = 8 * 1024;

struct named_facility {
    std::string_view name;
    int facility;
};
constexpr std::array facilities = std::to_array<named_facility>({
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},     {"daemon", LOG_DAEMON},
    {"ftp", LOG_FTP},       {"kern", LOG_KERN},         {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},     {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},     {"lpr", LOG_LPR},       {"mail", LOG_MAIL},
    {"news", LOG_NEWS},     {"user", LOG_USER},         {"uucp", LOG_UUCP},
});

char lower(char one) {
    return one >= 'A' && one <= 'Z' ? static_cast<char>(one - 'A' + 'a') : one;
}

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

// "Nov  2 07:11:51", local time; English whatever the locale is.
std::string stamp() {
    static constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto const now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    return fmt::format("{} {:2} {:02}:{:02}:{:02}", months[static_cast<std::size_t>(parts.tm_mon)],
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

} // namespace

int facility_by_name(std::string_view name) {
    auto const found =
        std::ranges::find_if(facilities, [&](auto const& one) { return same_word(one.name, name); });
    return found == facilities.end() ? LOG_MAIL : found->facility;
}

int priority_of(level one) {
    switch (one) {
    case level::critical:
        return LOG_CRIT;
    case level::error:
        return LOG_ERR;
    case level::warning:
        return LOG_WARNING;
    case level::message:
    case level::statistics:
        return LOG_NOTICE;
    case level::info:
        return LOG_INFO;
    case level::debug:
    case level::trace:
    case level::profile:
        break;
    }
    return LOG_DEBUG;
}

syslog_socket::syslog_socket(std::string path, std::string ident, int facility)
    : path_(std::move(path)), ident_(std::move(ident)), facility_(facility) {}

syslog_socket::~syslog_socket() {
    close();
}

bool syslog_socket::write(level at, std::string_view text) {
    std::lock_guard const hold(lock_);
    if (lost_ != 0) {
        auto const told =
            fmt::format("warning log_lines_lost count={}: the syslog socket did not take them", lost_);
        if (!deliver(level::warning, told)) {
            ++lost_;
            return false;
        }
        lost_ = 0;
    }
    if (deliver(at, text)) return true;
    ++lost_;
    return false;
}

bool syslog_socket::deliver(level at, std::string_view text) {
    auto const packet = fmt::format("<{}>{} {}[{}]: {}", facility_ | priority_of(at), stamp(), ident_,
                                    ::getpid(), text.substr(0, whole_characters(text, longest_text)));
    // The second attempt is for a daemon that was restarted: its old socket refuses.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (socket_ < 0 && !open()) return false;
        if (::send(socket_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
        if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE) return false;
        close();
    }
    return false;
}

bool syslog_socket::open() {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (path_.size() >= sizeof where.sun_path) return false;
    std::memcpy(where.sun_path, path_.data(), path_.size());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return false;
    void const* const address = &where;
    if (::connect(socket_, static_cast<sockaddr const*>(address), sizeof where) == 0) return true;
    close();
    return false;
}

void syslog_socket::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
}

} // namespace milter::observe
