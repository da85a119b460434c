// The figures of the process: who counts gets a handle once and adds to it; who reads gets all of them as
// values. What is not in observe/metrics_table is not exported. Knows no socket and no text format.
#pragma once

#include "observe/meters.hpp"
#include "observe/metrics_table.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace milter::observe {

// The words of labels, in the order of what they stand for: an index into one of these is a value of an
// enumeration of whoever counts. No other words can become labels.
struct vocabulary {
    std::vector<std::string_view> stages;
    std::vector<std::string_view> verdicts; // the first two let the mail go on
    std::vector<std::string_view> reasons;  // of failures
    std::vector<std::string_view> fallbacks;
};

// Of one child, by its name: it lives as long as a configuration or a session that has the child, and its
// series are exported as long.
class child_meter {
public:
    child_meter(std::string name, vocabulary const& words);

    std::string const& name() const { return name_; }
    // Indices into the vocabulary.
    counter& verdicts(std::size_t stage, std::size_t verdict) { return verdicts_[at(stage, verdict)]; }
    histogram& answers(std::size_t stage) { return answers_[stage]; }
    counter& failures(std::size_t reason) { return failures_[reason]; }
    counter& fallbacks(std::size_t status) { return fallbacks_[status]; }
    gauge in_flight;  // sessions that wait for it
    counter restarts; // of its command
    // By the name of a condition of the configuration. Exported as long as someone holds it.
    std::shared_ptr<counter> skips(std::string const& condition);

private:
    friend class metrics;
    std::size_t at(std::size_t stage, std::size_t verdict) const { return stage * n_verdicts_ + verdict; }
    std::map<std::string, std::uint64_t> all_skips();

    std::string name_;
    std::size_t n_verdicts_;
    std::vector<counter> verdicts_; // by stage, then by verdict
    std::vector<histogram> answers_;
    std::vector<counter> failures_;
    std::vector<counter> fallbacks_;
    std::mutex lock_;
    std::map<std::string, std::weak_ptr<counter>> skips_;
};

// What has no child.
struct process_meter {
    explicit process_meter(vocabulary const& words)
        : sessions_refused(words.verdicts.size()), messages(words.verdicts.size()) {}

    std::vector<counter> sessions_refused; // by verdict
    std::vector<counter> messages;         // by verdict
    counter messages_aborted;
    counter body_bytes;
    counter mta_errors;
    counter mta_lost;
    counter blocks_failed;
    counter blocks_late;
    counter dns_failures;
    counter broken_invariants;
    counter reloads_done;
    counter reloads_failed;
    stopwatch configured; // since the last reload that took effect, or the start
};

// What others know, at the moment of a collect.
struct outside {
    std::uint64_t sessions_begun = 0;
    std::uint64_t sessions_ended = 0;
    std::uint64_t log_lines_dropped = 0;
    std::string version;
};

// For those who want to show, not export, what a child does: since the start, or since it is configured.
struct child_figures {
    using count = std::pair<std::string_view, std::uint64_t>;
    std::string name;
    std::vector<count> verdicts; // of all stages together; every word
    std::vector<count> failures; // by reason; every word
    std::vector<count> fallbacks;
    std::vector<std::pair<std::string, std::uint64_t>> skips; // by condition
    std::int64_t in_flight = 0;
    std::uint64_t restarts = 0;
    std::uint64_t answers = 0;
    std::chrono::microseconds p50{0}; // of one answer, at any stage
    std::chrono::microseconds p90{0};
    std::chrono::microseconds p99{0};
};

struct sample {
    std::vector<std::pair<std::string_view, std::string>> labels;
    double value = 0;
    histogram::reading distribution{}; // instead of the value, of histograms
};
struct family {
    metric which;
    std::vector<sample> samples;
};

// Safe to use from several threads.
class metrics {
public:
    explicit metrics(vocabulary words) : process(words), words_(std::move(words)) {}

    process_meter process;
    // The one of that name, made when there is none: take it once a configuration, not once an event.
    std::shared_ptr<child_meter> child(std::string const& name);

    // In order of their names, those that are gone left out.
    std::vector<child_figures> children() const;
    // All of the table, in its order.
    std::vector<family> collect(outside const& now) const;

private:
    std::vector<std::shared_ptr<child_meter>> alive() const;
    void add_child(std::vector<family>& all, child_meter& one) const;
    void add_process(std::vector<family>& all, outside const& now) const;

    vocabulary words_;
    std::mutex mutable lock_;
    std::map<std::string, std::weak_ptr<child_meter>> children_;
};

} // namespace milter::observe
