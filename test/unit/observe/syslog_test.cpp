// logs 2: what the system's log gets, read from a private datagram socket in the place of /dev/log.
#include "observe/syslog.hpp"

#include "unit/observe/temporary.hpp"

#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

namespace {

using namespace milter::observe;
using milter::test::temporary_folder;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class daemon_socket {
public:
    explicit daemon_socket(std::string const& path) {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        std::memcpy(where.sun_path, path.data(), path.size());
        ::unlink(path.c_str());
        descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        void const* const address = &where;
        if (::bind(descriptor_, static_cast<sockaddr const*>(address), sizeof where) != 0)
            throw std::runtime_error("bind");
    }
    ~daemon_socket() { ::close(descriptor_); }
    daemon_socket(daemon_socket const&) = delete;
    daemon_socket& operator=(daemon_socket const&) = delete;

    // A line that is there already (a local datagram is there once send() returned); "" for none.
    std::string take() const {
        std::string room(65536, '\0');
        auto const got = ::recv(descriptor_, room.data(), room.size(), MSG_DONTWAIT);
        return got < 0 ? "" : room.substr(0, static_cast<std::size_t>(got));
    }

private:
    int descriptor_;
};

std::unique_ptr<milter::observe::log> open_log(std::string const& path,
                                               std::string const& facility = "mail") {
    auto opened = milter::observe::log::open({.console = levels::standard(),
                                              .path = "/dev/null",
                                              .use_syslog = true,
                                              .syslog_facility = facility,
                                              .syslog_path = path,
                                              .syslog = levels::all()});
    if (!opened) throw std::runtime_error(opened.error());
    return std::move(*opened);
}

TEST(syslog_line, has_priority_stamp_ident_and_pid) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const to = open_log(folder / "log");
    to->line(level::error, "TEXT");
    EXPECT_THAT(daemon.take(),
                MatchesRegex(fmt::format("<{}>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9]"
                                         "[0-9] milter-manager\\[{}\\]: TEXT",
                                         LOG_MAIL | LOG_ERR, ::getpid())));
    EXPECT_EQ(daemon.take(), "");
}

TEST(syslog_line, marks_statistics) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const to = open_log(folder / "log");
    to->statistics("[session][end][end-of-message][pass][0.0058](1)");
    auto const line = daemon.take();
    EXPECT_THAT(line, testing::StartsWith(fmt::format("<{}>", LOG_MAIL | LOG_NOTICE)));
    EXPECT_THAT(line, EndsWith("]: [statistics] [session][end][end-of-message][pass][0.0058](1)"));
    to->line(level::message, "[x]");
    EXPECT_THAT(daemon.take(), EndsWith("]: [x]"));
}

TEST(syslog_line, is_escaped_and_no_format) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const to = open_log(folder / "log");
    to->event(level::warning, "x", {{"value", "a\nb"}}, "%n%s");
    EXPECT_THAT(daemon.take(), EndsWith("]: warning x value=a\\nb: %n%s"));
}

TEST(syslog_priority, follows_the_level) {
    EXPECT_EQ(priority_of(level::critical), LOG_CRIT);
    EXPECT_EQ(priority_of(level::error), LOG_ERR);
    EXPECT_EQ(priority_of(level::warning), LOG_WARNING);
    EXPECT_EQ(priority_of(level::message), LOG_NOTICE);
    EXPECT_EQ(priority_of(level::info), LOG_INFO);
    EXPECT_EQ(priority_of(level::debug), LOG_DEBUG);
    EXPECT_EQ(priority_of(level::trace), LOG_DEBUG);
    EXPECT_EQ(priority_of(level::statistics), LOG_NOTICE);
    EXPECT_EQ(priority_of(level::profile), LOG_DEBUG);
}

TEST(syslog_facility, is_found_by_name_in_any_case_and_else_mail) {
    EXPECT_EQ(facility_by_name("daemon"), LOG_DAEMON);
    EXPECT_EQ(facility_by_name("LOCAL3"), LOG_LOCAL3);
    EXPECT_EQ(facility_by_name("AuthPriv"), LOG_AUTHPRIV);
    EXPECT_EQ(facility_by_name("mail"), LOG_MAIL);
    EXPECT_EQ(facility_by_name("bogus"), LOG_MAIL);
    EXPECT_EQ(facility_by_name(""), LOG_MAIL);
}

TEST(syslog_facility, reaches_the_line) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    open_log(folder / "log", "local7")->line(level::info, "TEXT");
    EXPECT_THAT(daemon.take(), testing::StartsWith(fmt::format("<{}>", LOG_LOCAL7 | LOG_INFO)));
}

TEST(syslog_levels, stay_what_they_were_when_the_log_was_opened) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const opened = milter::observe::log::open({.console = *levels::parse("error"),
                                                    .path = "/dev/null",
                                                    .use_syslog = true,
                                                    .syslog_path = folder / "log"});
    ASSERT_TRUE(opened);
    (*opened)->set_levels(levels::all());
    (*opened)->line(level::info, "no");
    (*opened)->line(level::error, "yes");
    EXPECT_THAT(daemon.take(), EndsWith("yes"));
    EXPECT_EQ(daemon.take(), "");
}

TEST(syslog_levels, follow_a_change_of_the_settings_which_can_also_turn_it_off_and_on) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    log_settings settings{.console = *levels::parse("error"),
                          .path = "/dev/null",
                          .use_syslog = true,
                          .syslog_path = folder / "log"};
    auto const opened = milter::observe::log::open(settings);
    ASSERT_TRUE(opened);
    settings.console = levels::all();
    settings.syslog_facility = "local7";
    ASSERT_TRUE((*opened)->change(settings));
    (*opened)->line(level::info, "TEXT");
    EXPECT_THAT(daemon.take(), testing::StartsWith(fmt::format("<{}>", LOG_LOCAL7 | LOG_INFO)));
    settings.use_syslog = false;
    ASSERT_TRUE((*opened)->change(settings));
    (*opened)->line(level::error, "no");
    EXPECT_EQ(daemon.take(), "");
    settings.use_syslog = true;
    ASSERT_TRUE((*opened)->change(settings));
    (*opened)->line(level::error, "yes");
    EXPECT_THAT(daemon.take(), EndsWith("yes"));
}

TEST(syslog_socket, that_is_full_drops_lines_at_once_and_tells_how_many) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const to = open_log(folder / "log");
    constexpr int sent = 5000; // far more than the kernel queues for one datagram socket
    for (int number = 0; number < sent; ++number)
        to->line(level::error, fmt::format("number {}", number));
    int arrived = 0;
    while (!daemon.take().empty())
        ++arrived;
    ASSERT_LT(arrived, sent);
    EXPECT_EQ(to->dropped(), static_cast<std::uint64_t>(sent - arrived));
    to->line(level::error, "room again");
    EXPECT_THAT(daemon.take(), HasSubstr(fmt::format("warning log_lines_lost count={}:", sent - arrived)));
    EXPECT_THAT(daemon.take(), EndsWith("room again"));
    EXPECT_EQ(daemon.take(), "");
}

TEST(syslog_socket, is_connected_again_after_the_daemon_was_restarted) {
    temporary_folder const folder;
    auto first = std::make_unique<daemon_socket>(folder / "log");
    auto const to = open_log(folder / "log");
    to->line(level::error, "one");
    EXPECT_THAT(first->take(), EndsWith("one"));
    first.reset();
    to->line(level::error, "nobody hears this");
    daemon_socket const second(folder / "log");
    to->line(level::error, "two");
    EXPECT_THAT(second.take(), HasSubstr("log_lines_lost count=1"));
    EXPECT_THAT(second.take(), EndsWith("two"));
}

TEST(syslog_line, is_cut_when_it_is_longer_than_daemons_take) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    open_log(folder / "log")->line(level::error, std::string(100'000, 'x'));
    auto const line = daemon.take();
    EXPECT_GT(line.size(), 8000u);
    EXPECT_LT(line.size(), 8400u);
}

TEST(syslog_line, is_not_cut_inside_a_character) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    auto const to = open_log(folder / "log");
    for (std::string const shift : {"", "x", "xx"}) {
        std::string text = shift;
        for (int number = 0; number < 5000; ++number)
            text += "\u65E5";
        to->line(level::error, text);
        EXPECT_THAT(daemon.take(), EndsWith("\u65E5"));
    }
}

TEST(syslog_line, is_text_whatever_the_format_of_the_file_is) {
    temporary_folder const folder;
    daemon_socket const daemon(folder / "log");
    log_settings settings;
    settings.path = folder / "file";
    settings.format = log_format::json;
    settings.use_syslog = true;
    settings.syslog_path = folder / "log";
    milter::observe::log::open(settings).value()->statistics("[session][end](1)");
    EXPECT_THAT(daemon.take(), EndsWith("]: [statistics] [session][end](1)"));
}

} // namespace
