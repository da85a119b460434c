#include "daemon/handover.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace milter::daemon {

namespace {

namespace asio = boost::asio;
using observe::level;
using kind = handover_message::kind;

// From the sockets to "serving": threads to start, nothing that takes its time.
constexpr std::chrono::seconds longest_start{60};

std::uint64_t number_of(std::string const& path) {
    struct stat file {};
    return ::lstat(path.c_str(), &file) == 0 ? file.st_ino : 0;
}

// Mode 0600 from its first moment; a rename, so that there is always somebody behind `path`.
tl::expected<io::descriptor, std::string> listen_at(std::string const& path) {
    auto const fresh = path + "." + std::to_string(::getpid() % 10'000);
    auto const failure = [&fresh](std::string const& what) {
        auto text = what + ": " + std::generic_category().message(errno);
        ::unlink(fresh.c_str());
        return tl::unexpected(std::move(text));
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (fresh.size() >= sizeof address.sun_path)
        return tl::unexpected<std::string>(path + " is too long for a socket");
    fresh.copy(address.sun_path, sizeof address.sun_path - 1);
    io::descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return failure("cannot open a socket");
    ::unlink(fresh.c_str());
    ::fchmod(socket.number(), 0600); // which the file will have
    if (::bind(socket.number(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return failure("cannot bind " + path);
    constexpr int few = 4;
    if (::chmod(fresh.c_str(), 0600) < 0 || ::listen(socket.number(), few) < 0 ||
        ::rename(fresh.c_str(), path.c_str()) < 0)
        return failure("cannot listen on " + path);
    return socket;
}

void close_descriptor(asio::posix::stream_descriptor& one) {
    boost::system::error_code ignored;
    one.close(ignored);
}

} // namespace

handover::handover(asio::io_context& main, observe::log& log, house of)
    : main_(main), log_(log), house_(std::move(of)) {}

handover::~handover() {
    close();
}

void handover::open(std::string const& path) {
    auto socket = listen_at(path);
    if (!socket)
        return log_.event(level::warning, "handover_unavailable", {{"error", socket.error()}},
                          "milter-manager --replace will not find this process; give the directory to "
                          "security.effective_user");
    path_ = path;
    file_ = number_of(path);
    listening_.assign(socket->release());
    wait();
}

void handover::close() {
    forget();
    pause_.cancel();
    if (!listening_.is_open()) return;
    close_descriptor(listening_);
    if (file_ != 0 && number_of(path_) == file_) ::unlink(path_.c_str());
}

void handover::refuse(std::string const& why) {
    if (!successor_.is_open()) return;
    handover_message answer;
    answer.error = why;
    send_message(successor_.native_handle(), answer);
    log_.event(level::warning, "handover_failed", {{"error", why}},
               "nothing has changed: this process serves on");
    forget();
}

void handover::forget() {
    patience_.cancel();
    if (successor_.is_open()) close_descriptor(successor_);
    has_sockets_ = false;
}

void handover::wait() {
    listening_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
        if (!ec) accepted();
    });
}

void handover::wait_for_descriptors() {
    pause_.expires_after(std::chrono::seconds(1));
    pause_.async_wait([this](boost::system::error_code ec) {
        if (!ec) wait();
    });
}

void handover::accepted() {
    io::descriptor peer(
        ::accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return wait_for_descriptors();
    handover_message answer;
    if (peer && !is_of(peer.number(), ::geteuid()))
        answer.error = "only root and the user of the running process may replace it";
    else if (peer && successor_.is_open())
        answer.error = "another program is about to replace it";
    if (peer && !answer.error.empty()) {
        log_.event(level::warning, "handover_refused", {{"error", answer.error}});
        send_message(peer.number(), answer);
    } else if (peer) {
        successor_.assign(peer.release());
        patience_.expires_after(longest_start);
        patience_.async_wait([this](boost::system::error_code ec) {
            if (!ec) refuse("it did not serve in time");
        });
        await_word();
    }
    wait();
}

void handover::await_word() {
    successor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
        if (!ec) heard();
    });
}

void handover::heard() {
    auto const said = receive_message(successor_.native_handle());
    if (!said) return refuse(said.error());
    if (said->what == kind::want && !has_sockets_) return give();
    if (said->what == kind::error) return refuse(said->error);
    if (said->what != kind::serving || !has_sockets_) return refuse("it said something out of turn");
    log_.event(level::info, "handed_over", {{"pid", std::to_string(said->pid)}});
    io::descriptor const successor(successor_.release());
    close(); // the successor opens its own in this place
    house_.leave(said->names, said->pid);
    handover_message answer;
    answer.what = kind::left;
    send_message(successor.number(), answer);
}

void handover::give() {
    handover_message answer;
    answer.what = kind::sockets;
    answer.sockets = house_.sockets();
    if (!send_message(successor_.native_handle(), answer)) return refuse("it is gone");
    has_sockets_ = true;
    await_word();
}

} // namespace milter::daemon
