// The counters of a log: a table for the sessions, for the manager and for each milter, with a row a minute
// (logs 6.2). Each table is one RRD file. Knows no file; a row that was never touched is all zeros.
#pragma once

#include "tools/log_analyzer/event.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::log_analyzer {

using minute = std::int64_t; // since 1970

class table {
public:
    explicit table(std::span<std::string_view const> sources) : sources_(sources) {}

    std::span<std::string_view const> sources() const { return sources_; }
    void add(minute when, std::size_t source);
    void raise(minute when, std::size_t source, std::uint32_t to);
    // One number a source.
    std::span<std::uint32_t const> row(minute when) const;

    struct figures {
        std::uint64_t total = 0;
        std::uint32_t most = 0; // in one minute
    };
    figures of(std::size_t source) const;

private:
    std::uint32_t& cell(minute when, std::size_t source);

    std::span<std::string_view const> sources_;
    std::map<std::int64_t, std::vector<std::uint32_t>> days_; // 1440 rows each
};

class tables {
public:
    // What is of this minute or later is not counted: it is not over yet.
    explicit tables(minute unfinished);
    ~tables();
    tables(tables const&) = delete;
    tables& operator=(tables const&) = delete;

    void count(logged const& one);

    // The name of the file without ".rrd", in the order in which they are shown.
    void each(std::function<void(std::string const& name, table const&)> const& visit) const;
    std::vector<std::string> const& milters() const { return milters_; }
    // Of all that was counted; nothing = nothing was.
    std::optional<minute> first() const { return first_; }
    std::optional<minute> last() const { return last_; }
    std::uint64_t counted() const { return counted_; }

private:
    struct of_milter {
        table status;
        table report;
    };
    of_milter& known(std::string_view name);
    void count_status(table& in, std::string_view status, minute when);
    void count_header(event const& what, minute when);

    minute unfinished_;
    table sessions_;
    table status_;
    table report_;
    std::vector<std::string> milters_; // in the order of their appearance
    std::map<std::string, of_milter, std::less<>> by_name_;
    std::optional<minute> first_, last_;
    std::uint64_t counted_ = 0;
};

} // namespace milter::tools::log_analyzer
