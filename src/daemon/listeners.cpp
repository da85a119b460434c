#include "daemon/listeners.hpp"

#include "io/listener.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <systemd/sd-daemon.h>

namespace milter::daemon {

namespace {

using family = wire::endpoint::kind;
using observe::level;

bool is_unix(wire::endpoint const& where) {
    return where.family == family::unix_socket;
}

struct bound_address {
    sockaddr_storage bytes{};
    socklen_t size = sizeof(sockaddr_storage);
};

std::optional<bound_address> address_of(int descriptor) {
    bound_address found;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&found.bytes), &found.size) < 0) return {};
    return found;
}

std::string unix_path(bound_address const& of) {
    auto const& address = reinterpret_cast<sockaddr_un const&>(of.bytes);
    auto const most = of.size - offsetof(sockaddr_un, sun_path);
    return {address.sun_path, ::strnlen(address.sun_path, most)};
}

// As the socket itself says; nothing for what is no socket of a milter (no name, another family).
std::optional<wire::endpoint> endpoint_of(int descriptor) {
    auto const found = address_of(descriptor);
    if (!found) return {};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (found->bytes.ss_family == AF_UNIX) {
        auto path = unix_path(*found);
        if (path.empty()) return {};
        return wire::endpoint{family::unix_socket, std::move(path), 0, ""};
    }
    if (found->bytes.ss_family == AF_INET) {
        auto const& address = reinterpret_cast<sockaddr_in const&>(found->bytes);
        ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
        return wire::endpoint{family::inet, "", ntohs(address.sin_port), text.data()};
    }
    if (found->bytes.ss_family != AF_INET6) return {};
    auto const& address = reinterpret_cast<sockaddr_in6 const&>(found->bytes);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return wire::endpoint{family::inet6, "", ntohs(address.sin6_port), text.data()};
}

bool is_same(bound_address const& one, sockaddr const* other) {
    if (one.bytes.ss_family != other->sa_family) return false;
    if (other->sa_family == AF_INET) {
        auto const& mine = reinterpret_cast<sockaddr_in const&>(one.bytes);
        auto const* const its = reinterpret_cast<sockaddr_in const*>(other);
        return mine.sin_port == its->sin_port && mine.sin_addr.s_addr == its->sin_addr.s_addr;
    }
    auto const& mine = reinterpret_cast<sockaddr_in6 const&>(one.bytes);
    auto const* const its = reinterpret_cast<sockaddr_in6 const*>(other);
    return mine.sin6_port == its->sin6_port &&
           std::memcmp(&mine.sin6_addr, &its->sin6_addr, sizeof mine.sin6_addr) == 0;
}

std::string place_of(config::locations const& in, std::string const& setting) {
    auto const found = in.find(setting);
    return found == in.end() ? setting : found->second;
}

io::listen_options options_of(config::listening const& wanted) {
    return {.unix_mode = wanted.unix_socket_mode,
            .unix_group = wanted.unix_socket_group.value_or(""),
            .remove_stale = wanted.remove_unix_socket_on_create};
}

bool same_access(config::listening const& one, config::listening const& other) {
    return one.unix_socket_mode == other.unix_socket_mode && one.unix_socket_group == other.unix_socket_group;
}

// What the error of open_listener() does not say to somebody who may have started the program as root.
std::string with_advice(std::string error) {
    if (::geteuid() != 0 && error.ends_with(std::generic_category().message(EACCES)))
        error += "; it no longer runs as root: only a restart can open this";
    return error;
}

} // namespace

inherited_sockets inherited_sockets::of_service_manager() {
    inherited_sockets found;
    char** names = nullptr;
    int const count = ::sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; ++i) {
        int const descriptor = SD_LISTEN_FDS_START + i;
        std::string name = names != nullptr && names[i] != nullptr ? names[i] : "";
        auto where = endpoint_of(descriptor);
        if (::sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, 1) <= 0 || !where) continue;
        ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
        found.add(std::move(name),
                  {std::move(*where), io::descriptor(descriptor), origin::service_manager, false});
    }
    for (int i = 0; names != nullptr && names[i] != nullptr; ++i)
        std::free(names[i]);
    std::free(names);
    return found;
}

void inherited_sockets::add(std::string name, listening_socket one) {
    all_.push_back({std::move(name), std::move(one)});
}

std::optional<listening_socket> inherited_sockets::take(std::string_view name, wire::endpoint const& where) {
    auto const managed = [](entry const& one) { return one.socket.from == origin::service_manager; };
    auto found = std::find_if(all_.begin(), all_.end(),
                              [&](auto const& one) { return managed(one) && one.name == name; });
    if (found == all_.end() && name == "milter" && std::count_if(all_.begin(), all_.end(), managed) == 1) {
        found = std::find_if(all_.begin(), all_.end(), managed);
        if (found->name == "controller" || found->name == "metrics") found = all_.end();
    }
    if (found == all_.end())
        found = std::find_if(all_.begin(), all_.end(), [&](auto const& one) {
            return one.socket.where == where || is_bound_to(one.socket.descriptor.number(), where);
        });
    if (found == all_.end()) return {};
    auto taken = std::move(found->socket);
    all_.erase(found);
    return taken;
}

std::vector<std::string> inherited_sockets::unused() const {
    std::vector<std::string> left;
    for (auto const& one : all_)
        left.push_back(one.socket.where.text());
    return left;
}

bool is_bound_to(int descriptor, wire::endpoint const& where) {
    auto const bound = address_of(descriptor);
    if (!bound) return false;
    if (is_unix(where)) {
        if (bound->bytes.ss_family != AF_UNIX) return false;
        auto const path = unix_path(*bound);
        std::error_code absent;
        return path == where.path || std::filesystem::equivalent(path, where.path, absent);
    }
    if (bound->bytes.ss_family == AF_UNIX || where.port == 0) return false;
    addrinfo hints{};
    hints.ai_family = where.family == family::inet ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    auto const port = std::to_string(where.port);
    if (::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(), &hints, &found) != 0)
        return false;
    bool const same = is_same(*bound, found->ai_addr); // the first one, as open_listener() takes it
    ::freeaddrinfo(found);
    return same;
}

listening_place::listening_place(std::string name, std::string section, observe::log& log)
    : name_(std::move(name)), section_(std::move(section)), log_(log) {}

listening_place::~listening_place() {
    end();
}

void listening_place::end() {
    if (is_prepared_) roll_back();
    if (!socket_) return;
    close();
    remove_file(*socket_, wanted_.remove_unix_socket_on_close);
    socket_.reset();
}

tl::expected<void, std::string> listening_place::open(config::listening const& wanted,
                                                      inherited_sockets& given) {
    wanted_ = wanted;
    if (!wanted.where) return {};
    if (auto taken = given.take(name_, *wanted.where)) {
        if (taken->from == origin::service_manager && !is_bound_to(taken->descriptor.number(), *wanted.where))
            log_.event(level::info, "socket_of_service_manager",
                       {{"endpoint", taken->where.text()}, {"setting", section_ + ".connection_spec"}},
                       "the service manager has opened this one; it wins over the setting");
        socket_ = std::move(taken);
        file_will_be_ours_ = std::exchange(socket_->file_is_ours, false);
        return {};
    }
    auto opened = io::open_listener(*wanted.where, options_of(wanted));
    if (!opened) return tl::unexpected(std::move(opened.error()));
    socket_ = {*wanted.where, io::descriptor(*opened), origin::bound, is_unix(*wanted.where)};
    return {};
}

void listening_place::own() {
    if (!socket_ || !std::exchange(file_will_be_ours_, false)) return;
    socket_->file_is_ours = true;
    if (auto const given = io::set_unix_access(socket_->where, options_of(wanted_)); !given)
        log_.event(level::warning, "socket_access_failed",
                   {{"endpoint", socket_->where.text()}, {"error", given.error()}},
                   "it keeps the mode and group that it had");
}

tl::expected<void, config::complaint> listening_place::prepare(config::listening const& wanted,
                                                               config::locations const& places) {
    is_prepared_ = true;
    replaces_ = false;
    next_wanted_ = wanted;
    if (socket_ && wanted.where) {
        bool const same =
            socket_->where == *wanted.where || is_bound_to(socket_->descriptor.number(), *wanted.where);
        if (same) return prepare_access(wanted, places);
    }
    if (socket_ && socket_->from == origin::service_manager) {
        bool const is_new = wanted.where.has_value() != wanted_.where.has_value() ||
                            (wanted.where && !(*wanted.where == *wanted_.where));
        if (is_new)
            log_.event(level::warning, "socket_kept",
                       {{"endpoint", socket_->where.text()}, {"setting", section_ + ".connection_spec"}},
                       "the service manager has opened this one: change its socket unit and restart that");
        return {};
    }
    replaces_ = socket_.has_value() || wanted.where.has_value();
    if (!wanted.where) return {};
    auto opened = io::open_listener(*wanted.where, options_of(wanted));
    if (!opened) {
        is_prepared_ = replaces_ = false;
        bool const of_group = opened.error().starts_with("cannot set the group");
        auto const setting = section_ + (of_group ? ".unix_socket_group" : ".connection_spec");
        return tl::unexpected(config::complaint{place_of(places, setting), with_advice(opened.error())});
    }
    next_ = {*wanted.where, io::descriptor(*opened), origin::bound, is_unix(*wanted.where)};
    return {};
}

tl::expected<void, config::complaint> listening_place::prepare_access(config::listening const& wanted,
                                                                      config::locations const& places) {
    if (!is_unix(socket_->where) || !socket_->file_is_ours || same_access(wanted, wanted_)) return {};
    struct stat file {};
    if (::stat(socket_->where.path.c_str(), &file) == 0)
        former_access_ = {file.st_mode & 07777U, file.st_gid};
    auto given = io::set_unix_access(socket_->where, options_of(wanted));
    if (given) return {};
    roll_back();
    bool const of_group = given.error().starts_with("cannot set the group");
    auto const setting = section_ + (of_group ? ".unix_socket_group" : ".unix_socket_mode");
    return tl::unexpected(config::complaint{place_of(places, setting), std::move(given.error())});
}

bool listening_place::commit() {
    is_prepared_ = false;
    former_access_.reset();
    wanted_ = std::move(next_wanted_);
    if (!replaces_) return false;
    auto const former = std::exchange(socket_, std::exchange(next_, std::nullopt));
    if (former) {
        remove_file(*former, true); // or somebody could still connect to it
        log_.event(level::info, "listening_ended", {{"endpoint", former->where.text()}});
    }
    if (socket_) log_.event(level::info, "listening", {{"endpoint", socket_->where.text()}});
    return true;
}

void listening_place::roll_back() {
    is_prepared_ = false;
    if (former_access_) {
        ::chmod(socket_->where.path.c_str(), former_access_->mode);
        [[maybe_unused]] int const ignored =
            ::chown(socket_->where.path.c_str(), static_cast<uid_t>(-1), former_access_->group);
        former_access_.reset();
    }
    if (!next_) return;
    next_->descriptor.close();
    remove_file(*next_, true);
    next_.reset();
}

void listening_place::close() {
    if (socket_) socket_->descriptor.close();
}

void listening_place::leave_to_successor() {
    close();
    if (socket_) socket_->file_is_ours = false;
}

int listening_place::duplicate() const {
    return socket_ ? ::fcntl(socket_->descriptor.number(), F_DUPFD_CLOEXEC, 0) : -1;
}

void listening_place::remove_file(listening_socket const& of, bool wanted) const {
    if (!wanted || !of.file_is_ours || !is_unix(of.where)) return;
    int failed = ::unlink(of.where.path.c_str()) == 0 ? 0 : errno;
    if (failed != 0 && help_) failed = help_();
    if (failed == 0) return;
    log_.event(level::warning, "socket_left_behind", {{"endpoint", of.where.text()}},
               std::generic_category().message(failed) + "; give its directory to security.effective_user");
}

} // namespace milter::daemon
