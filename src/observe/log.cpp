#include "observe/log.hpp"

#include "observe/console.hpp"
#include "observe/meters.hpp"
#include "observe/syslog.hpp"
#include "observe/text.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

namespace milter::observe {

namespace {

using sink = std::shared_ptr<spdlog::sinks::sink>;

// The console or a file, and how lines look there.
struct printer {
    sink to;
    look how;
};

tl::expected<sink, std::string> open_sink(std::string const& path) {
    sink opened;
    try {
        if (path.empty())
            opened = std::make_shared<spdlog::sinks::stderr_sink_st>();
        else if (path == "-")
            opened = std::make_shared<spdlog::sinks::stdout_sink_st>();
        else
            opened = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
    } catch (spdlog::spdlog_ex const& problem) {
        return tl::unexpected(fmt::format("log file {}: {}", escaped(path), problem.what()));
    }
    opened->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
    return opened;
}

look look_of(log_settings const& settings) {
    look how;
    how.format = settings.format;
    how.shown = settings.shown;
    how.name = settings.syslog_ident;
    how.pid = ::getpid();
    bool const is_file = !settings.path.empty() && settings.path != "-";
    if (is_file) return how;
    int const descriptor = settings.path.empty() ? STDERR_FILENO : STDOUT_FILENO;
    how.of_journal = is_journal(settings.journal_stream, descriptor);
    how.coloured =
        settings.colours == colouring::always ||
        (settings.colours == colouring::automatic && has_colours(settings.terminal) && ::isatty(descriptor));
    return how;
}

std::shared_ptr<syslog_socket> open_syslog(log_settings const& settings) {
    if (!settings.use_syslog) return {};
    return std::make_shared<syslog_socket>(settings.syslog_path, settings.syslog_ident,
                                           facility_by_name(settings.syslog_facility));
}

} // namespace

struct log::sinks {
    std::atomic<levels> console;
    std::atomic<levels> syslog; // none when syslog is off
    std::mutex lock;            // of what follows
    log_settings settings;
    std::shared_ptr<printer const> console_printer;
    std::shared_ptr<syslog_socket> system;
    counter dropped;

    bool printed(level at) const { return console.load(std::memory_order_relaxed).has(at); }
    bool told(level at) const { return syslog.load(std::memory_order_relaxed).has(at); }

    void set_levels(log_settings const& from) {
        console.store(from.console, std::memory_order_relaxed);
        auto const of_system = from.syslog.value_or(from.console);
        syslog.store(from.use_syslog ? of_system : levels(), std::memory_order_relaxed);
    }

    void print(entry const& what) {
        std::unique_lock hold(lock);
        auto const by = console_printer;
        hold.unlock();
        auto const text = console_line(by->how, what, std::chrono::system_clock::now());
        hold.lock();
        try {
            by->to->log(spdlog::details::log_msg("", spdlog::level::info, text));
            by->to->flush();
        } catch (std::exception const&) {
            dropped.add(); // a full disk must not end a session, and there is nowhere left to say so
        }
    }

    // Without the lock: the socket has its own.
    void tell(level at, std::string_view text) {
        std::unique_lock hold(lock);
        auto const to = system;
        hold.unlock();
        if (to && !to->write(at, text)) dropped.add();
    }

    void write(entry const& what) {
        if (printed(what.at)) print(what);
        if (!told(what.at)) return;
        bool const is_statistics = what.kind == entry::of::statistics;
        tell(what.at, (is_statistics ? "[statistics] " : "") + message_text(what));
    }
};

log::log(std::unique_ptr<sinks> to) : sinks_(std::move(to)) {}
log::~log() = default;

tl::expected<std::unique_ptr<log>, std::string> log::open(log_settings const& settings) {
    auto opened = open_sink(settings.path);
    if (!opened) return tl::unexpected(opened.error());
    auto to = std::make_unique<sinks>();
    to->settings = settings;
    to->console_printer = std::make_shared<printer const>(printer{std::move(*opened), look_of(settings)});
    to->system = open_syslog(settings);
    to->set_levels(settings);
    return std::unique_ptr<log>(new log(std::move(to)));
}

bool log::wants(level one) const {
    return sinks_->printed(one) || sinks_->told(one);
}

void log::event(level at, std::string_view name, std::initializer_list<field> fields, std::string_view text) {
    event(at, name, std::span<field const>(fields.begin(), fields.size()), text);
}

void log::event(level at, std::string_view name, std::span<field const> fields, std::string_view text) {
    if (wants(at)) sinks_->write({entry::of::event, at, name, fields, text});
}

void log::statistics(std::string_view line) {
    if (wants(level::statistics))
        sinks_->write({entry::of::statistics, level::statistics, "statistics", {}, line});
}

void log::line(level at, std::string_view text) {
    if (wants(at)) sinks_->write({entry::of::line, at, {}, {}, text});
}

std::uint64_t log::dropped() const {
    return sinks_->dropped.value();
}

void log::reopen() {
    std::unique_lock look(sinks_->lock);
    auto const path = sinks_->settings.path;
    look.unlock();
    if (path.empty() || path == "-") return;
    auto fresh = open_sink(path);
    if (!fresh) {
        event(level::warning, "log_reopen_failed", {{"file", path}, {"error", fresh.error()}},
              "writing to the old file goes on");
        return;
    }
    std::lock_guard const hold(sinks_->lock);
    auto const how = sinks_->console_printer->how;
    sinks_->console_printer = std::make_shared<printer const>(printer{std::move(*fresh), how});
}

void log::set_levels(levels console) {
    sinks_->console.store(console, std::memory_order_relaxed);
}

tl::expected<void, std::string> log::change(log_settings const& to) {
    auto& now = *sinks_;
    std::unique_lock look(now.lock);
    auto const before = now.settings;
    auto const old_printer = now.console_printer; // closed after the lock
    look.unlock();
    auto sink_of_path = old_printer->to;
    if (to.path != before.path) {
        auto opened = open_sink(to.path);
        if (!opened) return tl::unexpected(opened.error());
        sink_of_path = std::move(*opened);
    }
    auto const fresh = std::make_shared<printer const>(printer{std::move(sink_of_path), look_of(to)});
    bool const same_system = to.use_syslog == before.use_syslog && to.syslog_path == before.syslog_path &&
                             to.syslog_ident == before.syslog_ident &&
                             to.syslog_facility == before.syslog_facility;
    auto system = same_system ? nullptr : open_syslog(to);
    std::lock_guard const hold(now.lock);
    now.settings = to;
    now.console_printer = fresh;
    if (!same_system) now.system.swap(system);
    now.set_levels(to);
    return {};
}

} // namespace milter::observe
