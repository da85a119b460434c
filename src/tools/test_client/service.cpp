#include "tools/test_client/service.hpp"

#include "filter/serve.hpp"
#include "tools/background.hpp"
#include "tools/console.hpp"
#include "tools/identity.hpp"
#include "tools/test_client/client.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace milter::tools::test_client {

namespace {

constexpr std::size_t largest_packet = 64 * 1024 * 1024;

using done = tl::expected<void, std::string>;

done write_pid(std::string const& path) {
    if (path.empty()) return {};
    std::ofstream file(path);
    file << ::getpid() << '\n';
    file.close();
    if (file) return {};
    return tl::unexpected(fmt::format("failed to create PID file: {}: {}", path, std::strerror(errno)));
}

// As root: the user that was named, else nobody (tools B). Nothing for who is not root, and to stay root.
tl::expected<std::optional<identity>, std::string> user_of(common_options const& told) {
    if (::geteuid() != 0) return std::optional<identity>();
    auto who = find_identity(told.user.value_or("nobody"), told.group);
    if (!who) return tl::unexpected("failed to drop privilege: " + who.error());
    if (who->uid == 0 && !told.group) return std::optional<identity>();
    return std::optional(std::move(*who));
}

done drop(identity const& who, wire::endpoint const& socket) {
    bool const is_unix = socket.family == wire::endpoint::kind::unix_socket;
    int failed = is_unix && ::lchown(socket.path.c_str(), who.uid, static_cast<gid_t>(-1)) < 0 ? errno : 0;
    if (failed == 0) failed = become(who);
    // It has no secrets, and whoever tests with it wants to look inside.
    if (failed == 0 && ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) failed = errno;
    if (failed == 0) return {};
    return tl::unexpected(fmt::format("failed to drop privilege: {}: {}", who.name, std::strerror(failed)));
}

sigset_t ending_signals() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    return both;
}

// What is there once it listens, and goes with it.
struct traces {
    std::filesystem::path socket, pid_file; // absolute: in the background, "/" becomes the directory

    static void remove(std::filesystem::path& one) {
        if (!one.empty()) ::unlink(one.c_str());
        one.clear();
    }
    void remove_all() {
        remove(socket);
        remove(pid_file);
    }
};

std::filesystem::path absolute(std::string const& path) {
    return path.empty() ? std::filesystem::path() : std::filesystem::absolute(path);
}

// Serves the socket in this process. The first signal ends politely, the second at once.
int serve_here(settings const& told, int descriptor, traces& left) {
    boost::asio::io_context context(1);
    filter::serve_options options;
    options.max_payload = largest_packet;
    totals sum;
    filter::server server(
        context,
        [&](filter::conversation& talk) -> std::unique_ptr<filter::filter> {
            return std::make_unique<client>(told, context, talk, sum);
        },
        options);
    io::listener listener(
        context, descriptor, [&](io::descriptor socket) { server.adopt(std::move(socket)); },
        [](std::string const& why) { log_line(level::warning, "cannot accept: " + why); });
    boost::asio::signal_set signals(context, SIGTERM, SIGINT);
    auto const both = ending_signals();
    ::sigprocmask(SIG_UNBLOCK, &both, nullptr); // blocked since before anybody could connect
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (ec) return;
        signals.clear();
        listener.stop();
        traces::remove(left.socket);
        server.stop();
    });
    listener.start();
    context.run();
    if (told.statistics) sum.print(told.json);
    return said_everything() ? EXIT_SUCCESS : EXIT_FAILURE;
}

// One of several processes that accept from one socket; what kills this one ends them all.
int serve_by_workers(settings const& told, int descriptor, traces& left) {
    std::vector<pid_t> workers;
    for (unsigned index = 0; index < told.common.workers; ++index) {
        std::fflush(nullptr);
        pid_t const pid = ::fork();
        if (pid == 0) {
            traces none; // they are this process's parent's
            ::_exit(serve_here(told, descriptor, none));
        }
        if (pid < 0) break;
        workers.push_back(pid);
    }
    bool failed = workers.size() < told.common.workers;
    if (failed) log_line(level::error, fmt::format("cannot start a worker: {}", std::strerror(errno)));
    auto const end_all = [&] {
        for (pid_t const one : workers)
            ::kill(one, SIGTERM);
    };
    if (failed) end_all();
    auto wanted = ending_signals();
    sigaddset(&wanted, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    bool ending = failed;
    while (!workers.empty()) {
        int status = 0;
        pid_t const gone = ::waitpid(-1, &status, WNOHANG);
        if (gone > 0) {
            std::erase(workers, gone);
            if (!ending) log_line(level::error, fmt::format("worker {} has ended; so do all", gone));
            failed |= status != 0 || !ending;
            if (!std::exchange(ending, true)) end_all();
            continue;
        }
        int number = 0;
        ::sigwait(&wanted, &number);
        if (number == SIGCHLD) continue;
        ending = true;
        traces::remove(left.socket);
        end_all(); // the second time it kills them
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

done prepare(settings const& told, int& descriptor, traces& left) {
    auto const who = user_of(told.common);
    if (!who) return tl::unexpected(who.error());
    if (!told.record_path.empty())
        if (auto const opened = open_record(told.record_path); !opened) return opened;
    auto const both = ending_signals();
    ::sigprocmask(SIG_BLOCK, &both, nullptr);
    auto const listening = io::open_listener(told.common.where, told.common.listen);
    if (!listening) return tl::unexpected(listening.error());
    descriptor = *listening;
    left.socket = absolute(told.common.where.path);
    if (auto const written = write_pid(told.common.pid_file); !written) return written;
    // A device is not ours to remove.
    if (std::filesystem::is_regular_file(told.common.pid_file))
        left.pid_file = absolute(told.common.pid_file);
    return *who ? drop(**who, told.common.where) : done();
}

int serve_prepared(settings const& told, background& away) {
    if (auto const opened = open_log("milter-test-client", told.common.log); !opened) {
        print_error("{}\n", opened.error());
        return EXIT_FAILURE;
    }
    if (told.common.default_place)
        log_line(level::info,
                 fmt::format("[client][connection-spec][default] <{}>", told.common.where.text()));
    if (told.common.old_group_name)
        log_line(level::warning, "[client][option][deprecated][--socket-group-name] use --unix-socket-group "
                                 "instead");
    int descriptor = -1;
    traces left;
    auto const ready = prepare(told, descriptor, left);
    if (!ready) {
        left.remove_all();
        print_error("{}\n", ready.error());
        return EXIT_FAILURE;
    }
    away.serves();
    try {
        int const status = told.common.workers == 0 ? serve_here(told, descriptor, left)
                                                    : serve_by_workers(told, descriptor, left);
        left.remove_all();
        return status;
    } catch (...) {
        left.remove_all();
        throw;
    }
}

} // namespace

int serve(settings const& told) try {
    std::signal(SIGPIPE, SIG_IGN); // a closed pipe is an error of writing
    background away;
    if (told.common.background) away = background::detach("milter-test-client");
    int const status = serve_prepared(told, away);
    away.ended(status);
    return status;
} catch (std::exception const& wrong) {
    print_error("{}\n", wrong.what());
    return EXIT_FAILURE;
}

} // namespace milter::tools::test_client
