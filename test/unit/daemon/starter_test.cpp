#include "daemon/starter.hpp"

#include "config/parse.hpp"
#include "unit/daemon/launched.hpp"
#include "unit/observe/temporary.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>

namespace milter::daemon::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

config::snapshot with_command(std::string const& name, std::string const& command) {
    return config::parse(R"({"security": {"privilege_mode": true}, "milters": [{"name": ")" + name +
                             R"(", "connection_spec": "unix:/s", "user_name": "nobody", "command": ")" +
                             command + R"(", "locations": {"command": "f:1"}}]})",
                         "f.json")
        .value();
}

struct a_starter : testing::Test { // tools F.5
    a_starter() {
        ::chmod((folder / ".").c_str(), 0777);
        observe::log_settings settings;
        settings.path = folder / "log";
        settings.console = observe::levels::all();
        log = std::move(observe::log::open(settings).value());
    }
    std::vector<std::string> logged() const { return milter::test::lines_of(folder / "log"); }

    void with(std::string const& command) {
        auto const what = with_command("scan", command);
        bool const as_root = ::geteuid() == 0;
        auto table = launch_table_of(what, as_root).commands;
        ASSERT_EQ(table.size(), 1u);
        launcher_job job;
        job.commands = table;
        job.socket = owned_file(folder / "socket");
        auto process = fork_launcher(job).value();
        launcher = process.pid;
        one.emplace(main, *log, std::move(process), std::move(table));
        one->use(what);
    }
    // Until so many lines are in the log.
    void run_until(std::size_t lines) {
        auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
        while (logged().size() < lines && std::chrono::steady_clock::now() < end) {
            main.run_for(std::chrono::milliseconds(1));
            main.restart();
        }
    }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    boost::asio::io_context main{1};
    std::optional<starter> one;
    pid_t launcher = -1;
};

TEST_F(a_starter, starts_a_command_once_whoever_asks) {
    with("/bin/sleep 60");
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i)
        workers.emplace_back([this] {
            for (int n = 0; n < 100; ++n)
                one->cannot_connect("scan");
            one->cannot_connect("another");
        });
    for (auto& worker : workers)
        worker.join();
    run_until(1);
    for (int n = 0; n < 100; ++n)
        one->cannot_connect("scan");
    main.run_for(std::chrono::milliseconds(50));
    auto const lines = logged();
    ASSERT_THAT(lines, ElementsAre(HasSubstr("message child_started child=scan command=/bin/sleep user=")));
    ::kill(std::stoi(lines[0].substr(lines[0].find("pid=") + 4)), SIGKILL);
    main.restart();
    run_until(2);
    EXPECT_THAT(logged().back(),
                HasSubstr("warning child_command_failed child=scan command=/bin/sleep stage=run "
                          "signal=SIGKILL pause_ms=1000"));
}

TEST_F(a_starter, says_how_a_command_failed) {
    with("/bin/sh -c 'exit 3'");
    one->cannot_connect("scan");
    run_until(2);
    EXPECT_THAT(logged().back(),
                HasSubstr("child_command_failed child=scan command=/bin/sh stage=run status=3"));
    one->cannot_connect("scan"); // within the pause
    main.run_for(std::chrono::milliseconds(50));
    EXPECT_EQ(logged().size(), 2u);
}

TEST_F(a_starter, says_that_there_is_no_such_program) {
    with("/nonexistent/program");
    one->cannot_connect("scan");
    run_until(1);
    EXPECT_THAT(logged(), ElementsAre(HasSubstr(
                              "child_command_failed child=scan command=/nonexistent/program stage=exec "
                              "error=\"No such file or directory\" pause_ms=1000")));
}

TEST_F(a_starter, says_that_a_command_which_came_with_a_reload_needs_a_restart) {
    with("/bin/sleep 60");
    one->use(with_command("new", "/bin/sleep 61"));
    EXPECT_THAT(logged(), ElementsAre(HasSubstr("restart_needed setting=\"milter.command of new\" "
                                                "value=\"/bin/sleep 61\" path=f:1")));
    one->cannot_connect("new");
    one->cannot_connect("scan"); // which is gone
    main.run_for(std::chrono::milliseconds(50));
    EXPECT_EQ(logged().size(), 1u);
}

TEST_F(a_starter, lets_the_io_context_end_and_removes_files_afterwards) {
    std::ofstream(folder / "socket") << "x";
    with("/bin/sleep 60");
    one->cannot_connect("scan");
    run_until(1);
    one->stop();
    main.run();
    EXPECT_EQ(one->have(launch_ask::remove_socket), 0);
    EXPECT_FALSE(fs::exists(folder / "socket"));
    auto const line = logged().front();
    ::kill(std::stoi(line.substr(line.find("pid=") + 4)), SIGKILL);
}

TEST_F(a_starter, goes_on_without_its_launcher) {
    with("/bin/sleep 60");
    ::kill(launcher, SIGKILL);
    run_until(1);
    EXPECT_THAT(logged(), ElementsAre(HasSubstr("error launcher_gone")));
    one->cannot_connect("scan");
    main.run_for(std::chrono::milliseconds(20));
    EXPECT_NE(one->have(launch_ask::remove_socket), 0);
    EXPECT_EQ(logged().size(), 1u);
}

TEST_F(a_starter, may_have_no_launcher) {
    starter none(main, *log, {}, {});
    none.use({});
    none.cannot_connect("scan");
    none.stop();
    main.run();
    EXPECT_NE(none.have(launch_ask::remove_socket), 0);
    EXPECT_THAT(logged(), IsEmpty());
}

} // namespace
} // namespace milter::daemon::test
