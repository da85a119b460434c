#include "proxy/ruby_parent.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace milter::proxy {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using observe::level;

constexpr std::size_t longest_line = 64 * 1024; // bytes, of the parent
constexpr std::size_t longest_printed = 1024;   // bytes of a line that a configuration prints

std::string string_at(json::object const& in, std::string_view key) {
    auto const* const found = in.if_contains(key);
    return found && found->is_string() ? std::string(found->as_string()) : "";
}

} // namespace

ruby_parent::ruby_parent(asio::io_context& context, ruby_process process, observe::log& log, user tell)
    : context_(context), log_(log), tell_(std::move(tell)),
      control_(context, asio::local::stream_protocol(), process.control.release()),
      printed_(context, process.printed.release()), process_(std::move(process.alive)) {
    control_.native_non_blocking(true);
    read_control();
    read_printed();
}

ruby_parent::~ruby_parent() {
    close();
}

void ruby_parent::close() {
    boost::system::error_code ignored;
    tell_ = {};
    control_.close(ignored);
    printed_.close(ignored);
    process_.reset();
}

void ruby_parent::become_as_we_are() {
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    auto const count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(0, count)));
    json::object who{{"uid", ::getuid()}, {"gid", ::getgid()}};
    who["groups"] = json::array(groups.begin(), groups.end());
    send(json::serialize(json::object{{"become", std::move(who)}}));
}

io::descriptor ruby_parent::start(std::uint32_t worker) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) return {};
    io::descriptor ours(ends[0]);
    // Ruby waits for its socket in its own ways.
    bool const asked = send(json::serialize(json::object{{"start", worker}}), ends[1]);
    ::close(ends[1]);
    if (!asked) return {};
    return ours;
}

void ruby_parent::end(std::uint32_t worker) {
    send(json::serialize(json::object{{"end", worker}}));
}

// The descriptor travels with a byte of its own behind the line, as Ruby's recv_io wants it.
bool ruby_parent::send(std::string line, int descriptor) {
    if (!control_.is_open()) return false;
    line += '\n';
    auto sent = ::send(control_.native_handle(), line.data(), line.size(), MSG_NOSIGNAL);
    bool well = sent == static_cast<ssize_t>(line.size());
    if (well && descriptor >= 0) {
        char byte = 0;
        iovec one{&byte, 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
        msghdr message{};
        message.msg_iov = &one;
        message.msg_iovlen = 1;
        message.msg_control = room.data();
        message.msg_controllen = room.size();
        auto* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
        sent = ::sendmsg(control_.native_handle(), &message, MSG_NOSIGNAL);
        well = sent == 1;
    }
    if (well) return true;
    log_.event(level::error, "ruby_control_failed",
               {{"error", sent < 0 ? std::generic_category().message(errno) : "a part was not taken"}},
               "reload the configuration");
    // Half a request cannot be taken back.
    auto const tell = tell_;
    close();
    if (tell.gone) asio::post(context_, tell.gone);
    return false;
}

void ruby_parent::read_control() {
    asio::async_read_until(control_, asio::dynamic_buffer(control_text_, longest_line), '\n',
                           [this](boost::system::error_code failed, std::size_t size) {
                               if (!tell_.gone) return; // closed
                               if (failed) return tell_.gone();
                               auto const line = control_text_.substr(0, size);
                               control_text_.erase(0, size);
                               told(line);
                               if (tell_.gone) read_control();
                           });
}

void ruby_parent::told(std::string const& line) {
    json::error_code failed;
    auto const value = json::parse(line, failed);
    auto const* const said = failed ? nullptr : value.if_object();
    if (!said) return;
    if (auto const* const ended = said->if_contains("ended"); ended && ended->is_int64())
        return tell_.ended(static_cast<std::uint32_t>(ended->as_int64()), string_at(*said, "status"));
    if (auto const why = string_at(*said, "refused"); !why.empty())
        log_.event(level::error, "ruby_worker_refused", {{"error", why}});
}

void ruby_parent::read_printed() {
    asio::async_read_until(printed_, asio::dynamic_buffer(printed_text_, longest_printed), '\n',
                           [this](boost::system::error_code failed, std::size_t size) {
                               if (!tell_.gone) return;
                               bool const full = failed == asio::error::not_found; // a very long line
                               if (full) size = printed_text_.size();
                               if (failed && !full) return log_printed(printed_text_);
                               log_printed(std::string_view(printed_text_).substr(0, size));
                               printed_text_.erase(0, size);
                               read_printed();
                           });
}

void ruby_parent::log_printed(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.empty()) log_.event(level::warning, "configuration_printed", {}, text);
}

} // namespace milter::proxy
