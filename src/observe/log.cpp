#include "observe/log.hpp"

#include "observe/syslog.hpp"
#include "observe/text.hpp"

#include <atomic>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace milter::observe {

namespace {

using sink = std::shared_ptr<spdlog::sinks::sink>;

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
    opened->set_formatter(std::make_unique<spdlog::pattern_formatter>("[%Y-%m-%dT%H:%M:%S.%fZ]: %v",
                                                                      spdlog::pattern_time_type::utc));
    return opened;
}

} // namespace

struct log::sinks {
    std::string path;
    std::atomic<levels> console;
    levels syslog;                         // stays what it was when the log was opened (logs 2)
    std::unique_ptr<syslog_socket> system; // none when syslog is off
    std::mutex lock;                       // of `printer`
    sink printer;

    bool printed(level at) const { return console.load(std::memory_order_relaxed).has(at); }
    bool told(level at) const { return system && syslog.has(at); }

    void print(std::string_view text) {
        std::lock_guard const hold(lock);
        try {
            printer->log(spdlog::details::log_msg("", spdlog::level::info, text));
            printer->flush();
        } catch (std::exception const&) {
            // A full disk must not end a session, and there is nowhere left to say so.
        }
    }

    void write(level at, std::string_view text) {
        if (printed(at)) print(text);
        if (told(at)) system->write(at, text);
    }
};

log::log(std::unique_ptr<sinks> to) : sinks_(std::move(to)) {}
log::~log() = default;

tl::expected<std::unique_ptr<log>, std::string> log::open(log_settings const& settings) {
    auto printer = open_sink(settings.path);
    if (!printer) return tl::unexpected(printer.error());
    auto to = std::make_unique<sinks>();
    to->path = settings.path;
    to->console = settings.console;
    to->syslog = settings.syslog.value_or(settings.console);
    to->printer = std::move(*printer);
    if (settings.use_syslog)
        to->system = std::make_unique<syslog_socket>(settings.syslog_path, settings.syslog_ident,
                                                     facility_by_name(settings.syslog_facility));
    return std::unique_ptr<log>(new log(std::move(to)));
}

bool log::wants(level one) const {
    return sinks_->printed(one) || sinks_->told(one);
}

void log::event(level at, std::string_view name, std::initializer_list<field> fields, std::string_view text) {
    event(at, name, std::span<field const>(fields.begin(), fields.size()), text);
}

void log::event(level at, std::string_view name, std::span<field const> fields, std::string_view text) {
    if (wants(at)) sinks_->write(at, event_text(at, name, fields, text));
}

void log::statistics(std::string_view line) {
    auto const safe = escaped(line);
    if (sinks_->printed(level::statistics)) sinks_->print(safe);
    if (sinks_->told(level::statistics)) sinks_->system->write(level::statistics, "[statistics] " + safe);
}

void log::line(level at, std::string_view text) {
    if (wants(at)) sinks_->write(at, escaped(text));
}

void log::reopen() {
    if (sinks_->path.empty() || sinks_->path == "-") return;
    auto fresh = open_sink(sinks_->path);
    if (!fresh) {
        event(level::warning, "log_reopen_failed", {{"file", sinks_->path}, {"error", fresh.error()}},
              "writing to the old file goes on");
        return;
    }
    std::lock_guard const hold(sinks_->lock);
    sinks_->printer = std::move(*fresh);
}

void log::set_levels(levels console) {
    sinks_->console.store(console, std::memory_order_relaxed);
}

} // namespace milter::observe
