// What is said on the control socket (docs/control-protocol.md): bytes to requests and answers to bytes, in
// lines of JSON and in the packets of the older program, told apart by the first byte. Knows no socket and no
// clock, and carries nothing out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <tl/expected.hpp>

namespace milter::daemon::control {

enum class dialect { unknown, json, packets };

enum class command {
    ping,
    version,
    status,
    sessions,
    explain,
    reload,
    stop,
    get_log_level,
    set_log_level,
    disable,
    enable,
    configuration, // as --show-config prints it
    get_xml,       // configuration 11
    set_xml,
};

struct request {
    command what = command::ping;
    std::string argument;      // CHILD, LEVEL, MESSAGE or XML
    bool now = false;          // of stop: end what is in flight
    std::size_t limit = 0;     // of sessions; 0 = as many as there may be
    boost::json::value id{};   // comes back with the answer; null = none
    bool answer_early = false; // of reload: nobody waits for what becomes of it
};

// What cannot be a request.
struct mistake {
    std::string what;        // for the client; "" = it gets no answer
    bool closes = false;     // nothing that follows could be understood
    boost::json::value id{}; // as far as known
};

struct answer {
    bool done = true;
    std::string error{};        // when it is not done, one line
    boost::json::object more{}; // further members; of get_xml "text"
};

// Whether a command changes something: such are logged with who has asked.
bool changes_something(command what);
std::string_view name_of(command what);

// Bytes as they come, one client's.
class request_reader {
public:
    static constexpr std::size_t longest_line = 64 * 1024;     // bytes, without its end
    static constexpr std::size_t longest_packet = 1024 * 1024; // bytes behind the length

    void add(std::string_view bytes);
    // The next request, or what is wrong with it; nothing: more has to come. After a mistake that closes
    // nothing comes any more.
    std::optional<tl::expected<request, mistake>> next();
    dialect speaks() const { return speaks_; }

private:
    using found = std::optional<tl::expected<request, mistake>>;
    found next_line();
    found next_packet();
    found close(std::string why);

    std::string waiting_;
    std::size_t searched_ = 0; // of waiting_, for the end of a line
    dialect speaks_ = dialect::unknown;
    bool over_ = false;
};

// The bytes of an answer to a request that came in this dialect.
std::string encode(dialect speaks, request const& to, answer what);
std::string encode(dialect speaks, mistake const& to);

} // namespace milter::daemon::control
