#include "daemon/control/protocol.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::daemon::control {

namespace {

namespace json = boost::json;
using taken = tl::expected<request, mistake>;

enum class member { none, child, level, limit, now, message };

struct known_command {
    std::string_view name;
    command what;
    member takes;
};

constexpr std::array commands = std::to_array<known_command>({
    {"ping", command::ping, member::none},
    {"version", command::version, member::none},
    {"status", command::status, member::none},
    {"sessions", command::sessions, member::limit},
    {"explain", command::explain, member::message},
    {"reload", command::reload, member::none},
    {"stop", command::stop, member::now},
    {"log-level", command::get_log_level, member::level},
    {"disable", command::disable, member::child},
    {"enable", command::enable, member::child},
    {"configuration", command::configuration, member::none},
    {"get-configuration", command::get_xml, member::none},
});

constexpr std::string_view name_of(member what) {
    switch (what) {
    case member::none:
        break;
    case member::child:
        return "child";
    case member::level:
        return "level";
    case member::limit:
        return "limit";
    case member::now:
        return "now";
    case member::message:
        return "message";
    }
    return "";
}

// Packets of the older program (tools G).
struct known_packet {
    std::string_view name;
    command what;
};
constexpr std::array packets = std::to_array<known_packet>({
    {"get-configuration", command::get_xml},
    {"set-configuration", command::set_xml},
    {"reload", command::reload},
    {"get-status", command::status},
    {"stop-child", command::disable},
});

tl::unexpected<mistake> wrong(std::string what, json::value id) {
    return tl::unexpected(mistake{std::move(what), false, std::move(id)});
}

// What is wrong with the member, or "".
std::string take(member which, json::value const& given, request& into) {
    auto const name = name_of(which);
    if (which == member::now) {
        if (!given.is_bool()) return fmt::format("\"{}\" must be true or false", name);
        into.now = given.get_bool();
    } else if (which == member::limit) {
        auto const count = given.if_int64();
        if (!count || *count < 1) return fmt::format("\"{}\" must be a positive integer", name);
        into.limit = static_cast<std::size_t>(*count);
    } else {
        if (!given.is_string()) return fmt::format("\"{}\" must be a string", name);
        into.argument = given.get_string();
        if (which == member::level) into.what = command::set_log_level;
    }
    return {};
}

taken read_object(json::object const& all) {
    json::value const* const named = all.if_contains("id");
    json::value const id = named ? *named : json::value();
    if (named && !id.is_string() && !id.is_number()) return wrong("\"id\" must be a string or a number", {});
    json::value const* const asked = all.if_contains("command");
    if (!asked || !asked->is_string())
        return wrong("\"command\" is missing; e.g. {\"command\":\"status\"}", id);
    std::string_view const name = asked->get_string();
    auto const* const known = std::find_if(commands.begin(), commands.end(),
                                           [&](known_command const& one) { return one.name == name; });
    if (known == commands.end()) return wrong(fmt::format("there is no command \"{}\"", name), id);
    request made;
    made.what = known->what;
    made.id = id;
    for (auto const& [key, value] : all) {
        if (key == "command" || key == "id") continue;
        if (known->takes == member::none || std::string_view(key) != name_of(known->takes))
            return wrong(fmt::format("\"{}\" has no \"{}\"", name, std::string_view(key)), id);
        if (auto why = take(known->takes, value, made); !why.empty()) return wrong(std::move(why), id);
    }
    if (known->takes == member::child && made.argument.empty())
        return wrong(fmt::format("\"{}\" needs \"child\": the name of a milter", name), id);
    if (known->takes == member::message && made.argument.empty())
        return wrong(fmt::format("\"{}\" needs \"message\": a queue id, or the number of a session", name),
                     id);
    return made;
}

taken read_line(std::string_view line) {
    boost::system::error_code ec;
    auto const value = json::parse(line, ec);
    if (ec) return wrong("not JSON: " + ec.message(), {});
    if (!value.is_object()) return wrong("a request is an object, e.g. {\"command\":\"status\"}", {});
    return read_object(value.get_object());
}

std::optional<request> read_packet(std::string_view content) {
    auto const end = std::min(content.find('\0'), content.size());
    auto const name = content.substr(0, end);
    auto const* const known = std::find_if(packets.begin(), packets.end(),
                                           [&](known_packet const& one) { return one.name == name; });
    if (known == packets.end()) return std::nullopt;
    request made;
    made.what = known->what;
    made.argument = content.substr(std::min(end + 1, content.size()));
    made.answer_early = made.what == command::reload;
    if (made.what == command::disable && made.argument.ends_with('\0')) made.argument.pop_back();
    return made;
}

std::string packet(std::string_view name, std::string_view payload) {
    auto const length = static_cast<std::uint32_t>(name.size() + 1 + payload.size());
    std::string bytes;
    bytes.reserve(4 + length);
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(length >> shift & 0xFF);
    bytes.append(name).append(1, '\0').append(payload);
    return bytes;
}

std::string line(json::object all, json::value const& id) {
    if (!id.is_null()) all["id"] = id;
    return json::serialize(all) + "\n";
}

} // namespace

bool changes_something(command what) {
    switch (what) {
    case command::reload:
    case command::stop:
    case command::set_log_level:
    case command::disable:
    case command::enable:
    case command::set_xml:
        return true;
    default:
        return false;
    }
}

std::string_view name_of(command what) {
    if (what == command::set_xml) return "set-configuration";
    if (what == command::set_log_level) return "log-level";
    for (auto const& one : commands)
        if (one.what == what) return one.name;
    return "";
}

void request_reader::add(std::string_view bytes) {
    if (over_) return;
    waiting_ += bytes;
    if (speaks_ == dialect::unknown && !waiting_.empty())
        speaks_ = waiting_.front() == '{' ? dialect::json : dialect::packets;
}

std::optional<taken> request_reader::next() {
    if (over_) return std::nullopt;
    switch (speaks_) {
    case dialect::unknown:
        break;
    case dialect::json:
        return next_line();
    case dialect::packets:
        return next_packet();
    }
    return std::nullopt;
}

request_reader::found request_reader::close(std::string why) {
    over_ = true;
    waiting_ = {};
    return taken(tl::unexpected(mistake{std::move(why), true, {}}));
}

request_reader::found request_reader::next_line() {
    for (;;) {
        auto const end = waiting_.find('\n', searched_);
        searched_ = std::min(end, waiting_.size());
        if (searched_ > longest_line) return close(fmt::format("a line of more than {} bytes", longest_line));
        if (end == std::string::npos) return std::nullopt;
        auto const text = waiting_.substr(0, end);
        waiting_.erase(0, end + 1);
        searched_ = 0;
        if (text.find_first_not_of(" \t\r") != std::string::npos) return read_line(text);
    }
}

request_reader::found request_reader::next_packet() {
    constexpr std::size_t head = 4;
    if (waiting_.size() < head) {
        // Any longer length than the longest begins like this.
        return !waiting_.empty() && waiting_.front() != '\0' ? close("") : std::nullopt;
    }
    std::size_t length = 0;
    for (std::size_t n = 0; n < head; ++n)
        length = length << 8 | static_cast<unsigned char>(waiting_[n]);
    if (length == 0 || length > longest_packet) return close("");
    if (waiting_.size() < head + length) return std::nullopt;
    auto made = read_packet(std::string_view(waiting_).substr(head, length));
    if (!made) return close("");
    waiting_.erase(0, head + length);
    return taken(std::move(*made));
}

std::string encode(dialect speaks, request const& to, answer what) {
    if (speaks == dialect::packets) {
        if (!what.done) return packet("error", what.error);
        if (to.what == command::get_xml) return packet("configuration", what.more["text"].as_string());
        if (to.what == command::status) return packet("status", json::serialize(what.more));
        return packet("success", "");
    }
    json::object all;
    all["ok"] = what.done;
    if (!what.done) all["error"] = what.error;
    for (auto& [key, value] : what.more)
        all[key] = std::move(value);
    return line(std::move(all), to.id);
}

std::string encode(dialect speaks, mistake const& to) {
    if (speaks != dialect::json || to.what.empty()) return {};
    json::object all;
    all["ok"] = false;
    all["error"] = to.what;
    return line(std::move(all), to.id);
}

} // namespace milter::daemon::control
