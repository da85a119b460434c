// The log: one constant event name a message (observe/events.hpp) plus keys from one dictionary
// (observe/keys.hpp); sinks stderr, file and syslog. Values are escaped here, so no caller has to; nothing
// that a mail holds can start a second line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::observe {

enum class level : std::uint16_t {
    critical = 0x001,
    error = 0x002,
    warning = 0x004,
    message = 0x008,
    info = 0x010,
    debug = 0x020,
    trace = 0x040,
    statistics = 0x080,
    profile = 0x100,
};

// A set of levels, in the syntax of log.level (logs 1).
class levels {
public:
    constexpr levels() = default; // none
    constexpr explicit levels(std::uint16_t bits) : bits_(bits) {}
    static levels standard(); // critical|error|warning|message|statistics
    static levels all();

    // Text: names joined by "|", "+" and "-", "default", "none", "all", "". The error names the unknown
    // words.
    static tl::expected<levels, std::string> parse(std::string_view text, levels current = standard());
    // "critical|error|...", "none" for none.
    std::string text() const;

    constexpr bool has(level one) const { return (bits_ & static_cast<std::uint16_t>(one)) != 0; }
    friend constexpr bool operator==(levels, levels) = default;

private:
    std::uint16_t bits_ = 0;
};

// What stands in front of a line on the console or in the file (logs 2.1).
class items {
public:
    enum class one : std::uint16_t { level = 1, domain = 2, location = 4, time = 8, name = 16, pid = 32 };
    constexpr items() = default; // none
    constexpr explicit items(std::uint16_t bits) : bits_(bits) {}
    static items standard(); // time
    // In the syntax of levels, also with "default", "none" and "all".
    static tl::expected<items, std::string> parse(std::string_view text);

    constexpr bool has(items::one which) const { return (bits_ & static_cast<std::uint16_t>(which)) != 0; }
    friend constexpr bool operator==(items, items) = default;

private:
    std::uint16_t bits_ = 0;
};

enum class log_format { text, json };
enum class colouring { automatic, never, always }; // automatic: on a terminal that can

// One `key=value`. The key is a name of observe/keys.hpp; the value is raw and is escaped when written.
struct field {
    std::string_view key;
    std::string value;
};

struct log_settings {
    levels console = levels::standard();
    std::string path;                     // "" = stderr, "-" = stdout
    log_format format = log_format::text; // of the console and the file, never of the system's log
    items shown = items::standard();
    colouring colours = colouring::automatic;
    std::string terminal = {};       // $TERM
    std::string journal_stream = {}; // $JOURNAL_STREAM: "DEVICE:INODE" of the socket of systemd's journal
    bool use_syslog = false;
    std::string syslog_facility = "mail";
    std::string syslog_ident = "milter-manager";
    std::string syslog_path = "/dev/log"; // the datagram socket of the system's log
    std::optional<levels> syslog = {};    // what goes there; nothing = what `console` is
};

// Safe to use from several threads. Never throws and never blocks on a full syslog socket for long.
class log {
public:
    // The error says which sink could not be opened and why.
    static tl::expected<std::unique_ptr<log>, std::string> open(log_settings const& settings);
    ~log();

    bool wants(level one) const;
    // One line: event name, keys, then the text.  log.event(level::warning, "child_failed", {{"child",
    // name}}, "...")
    void event(level at, std::string_view name, std::initializer_list<field> fields,
               std::string_view text = {});
    void event(level at, std::string_view name, std::span<field const> fields, std::string_view text = {});
    // A statistics line, kept to the letter (logs 4); the "[statistics] " of syslog is added here.
    void statistics(std::string_view line);
    // A line without an event name: a ready text, e.g. a protocol trace.
    void line(level at, std::string_view text);

    // Lines that the system's log, or a full disk, did not take.
    std::uint64_t dropped() const;

    void reopen();                   // the file of log.path, after a rotation
    void set_levels(levels console); // at run time; of the system's log they stay
    // Levels and sinks from now on; with an error nothing has changed. One call at a time.
    tl::expected<void, std::string> change(log_settings const& to);

private:
    struct sinks;
    explicit log(std::unique_ptr<sinks> to);
    std::unique_ptr<sinks> sinks_;
};

// CR, LF, NUL, other control characters, backslash and invalid UTF-8 as \r \n \0 \xNN \\.
std::string escaped(std::string_view raw);

} // namespace milter::observe
