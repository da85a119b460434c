#include "observe/metrics.hpp"

#include "observe/process.hpp"

namespace milter::observe {

namespace {

void add(std::vector<family>& all, metric which, double value,
         std::vector<std::pair<std::string_view, std::string>> labels = {}) {
    all[static_cast<std::size_t>(which)].samples.push_back({std::move(labels), value, {}});
}

// Verdicts that refuse nobody come first in the vocabulary.
constexpr std::size_t harmless = 2;

double number(std::uint64_t value) {
    return static_cast<double>(value);
}

// What is kept by name as long as somebody else holds it.
template <class Kept, class Make>
std::shared_ptr<Kept> found_or_made(std::map<std::string, std::weak_ptr<Kept>>& in, std::string const& name,
                                    Make make) {
    std::erase_if(in, [](auto const& one) { return one.second.expired(); });
    auto& place = in[name];
    auto found = place.lock();
    if (!found) place = found = make();
    return found;
}

} // namespace

child_meter::child_meter(std::string name, vocabulary const& words)
    : name_(std::move(name)), n_verdicts_(words.verdicts.size()),
      verdicts_(words.stages.size() * n_verdicts_), answers_(words.stages.size()),
      failures_(words.reasons.size()), fallbacks_(words.fallbacks.size()) {}

std::shared_ptr<counter> child_meter::skips(std::string const& condition) {
    std::lock_guard const hold(lock_);
    return found_or_made(skips_, condition, [] { return std::make_shared<counter>(); });
}

std::map<std::string, std::uint64_t> child_meter::all_skips() {
    std::lock_guard const hold(lock_);
    std::map<std::string, std::uint64_t> all;
    for (auto const& [condition, weak] : skips_)
        if (auto const one = weak.lock()) all[condition] = one->value();
    return all;
}

std::shared_ptr<child_meter> metrics::child(std::string const& name) {
    std::lock_guard const hold(lock_);
    return found_or_made(children_, name, [&] { return std::make_shared<child_meter>(name, words_); });
}

std::vector<std::shared_ptr<child_meter>> metrics::alive() const {
    std::lock_guard const hold(lock_);
    std::vector<std::shared_ptr<child_meter>> all;
    for (auto const& [name, weak] : children_)
        if (auto one = weak.lock()) all.push_back(std::move(one));
    return all;
}

std::vector<child_figures> metrics::children() const {
    std::vector<child_figures> all;
    for (auto const& one : alive()) {
        child_figures now;
        now.name = one->name();
        histogram::reading together;
        for (auto const& stage : one->answers_)
            together += stage.read();
        for (std::size_t v = 0; v < words_.verdicts.size(); ++v) {
            std::uint64_t n = 0;
            for (std::size_t s = 0; s < words_.stages.size(); ++s)
                n += one->verdicts(s, v).value();
            now.verdicts.emplace_back(words_.verdicts[v], n);
        }
        for (std::size_t i = 0; i < words_.reasons.size(); ++i)
            now.failures.emplace_back(words_.reasons[i], one->failures(i).value());
        for (std::size_t i = 0; i < words_.fallbacks.size(); ++i)
            now.fallbacks.emplace_back(words_.fallbacks[i], one->fallbacks(i).value());
        auto const skips = one->all_skips();
        now.skips.assign(skips.begin(), skips.end());
        now.in_flight = one->in_flight.value();
        now.restarts = one->restarts.value();
        now.answers = together.count();
        now.p50 = together.quantile(0.5);
        now.p90 = together.quantile(0.9);
        now.p99 = together.quantile(0.99);
        all.push_back(std::move(now));
    }
    return all;
}

std::vector<family> metrics::collect(outside const& now) const {
    std::vector<family> all;
    for (auto const& one : metrics_table())
        all.push_back({one.which, {}});
    add_process(all, now);
    for (auto const& one : alive())
        add_child(all, *one);
    return all;
}

// What an alarm looks at is there from the beginning, at 0; stages come when they are used.
void metrics::add_child(std::vector<family>& all, child_meter& one) const {
    auto const& name = one.name();
    for (std::size_t s = 0; s < words_.stages.size(); ++s) {
        auto const answers = one.answers(s).read();
        if (answers.count() == 0) continue;
        std::string const stage(words_.stages[s]);
        for (std::size_t v = 0; v < words_.verdicts.size(); ++v)
            add(all, metric::child_verdicts, number(one.verdicts(s, v).value()),
                {{"child", name}, {"stage", stage}, {"verdict", std::string(words_.verdicts[v])}});
        all[static_cast<std::size_t>(metric::child_answer_seconds)].samples.push_back(
            {{{"child", name}, {"stage", stage}}, 0, answers});
    }
    for (std::size_t i = 0; i < words_.reasons.size(); ++i)
        add(all, metric::child_failures, number(one.failures(i).value()),
            {{"child", name}, {"reason", std::string(words_.reasons[i])}});
    for (std::size_t i = 0; i < words_.fallbacks.size(); ++i)
        add(all, metric::child_fallbacks, number(one.fallbacks(i).value()),
            {{"child", name}, {"status", std::string(words_.fallbacks[i])}});
    add(all, metric::child_in_flight, static_cast<double>(one.in_flight.value()), {{"child", name}});
    add(all, metric::child_restarts, number(one.restarts.value()), {{"child", name}});
    for (auto const& [condition, n] : one.all_skips())
        add(all, metric::child_skips, number(n), {{"child", name}, {"condition", condition}});
}

void metrics::add_process(std::vector<family>& all, outside const& now) const {
    // In this order, so that there are never more ended ones than begun ones.
    add(all, metric::sessions_begun, number(now.sessions_begun));
    add(all, metric::sessions_ended, number(now.sessions_ended));
    add(all, metric::sessions_open, number(now.sessions_begun) - number(now.sessions_ended));
    for (std::size_t v = 0; v < words_.verdicts.size(); ++v) {
        std::string const word(words_.verdicts[v]);
        if (v >= harmless)
            add(all, metric::sessions_refused, number(process.sessions_refused[v].value()),
                {{"verdict", word}});
        add(all, metric::messages, number(process.messages[v].value()), {{"outcome", word}});
    }
    add(all, metric::messages, number(process.messages_aborted.value()), {{"outcome", "aborted"}});
    add(all, metric::body_bytes, number(process.body_bytes.value()));
    add(all, metric::mta_errors, number(process.mta_errors.value()), {{"reason", "protocol"}});
    add(all, metric::mta_errors, number(process.mta_lost.value()), {{"reason", "lost"}});
    add(all, metric::block_failures, number(process.blocks_failed.value()), {{"reason", "error"}});
    add(all, metric::block_failures, number(process.blocks_late.value()), {{"reason", "timeout"}});
    add(all, metric::dns_failures, number(process.dns_failures.value()));
    add(all, metric::broken_invariants, number(process.broken_invariants.value()));
    add(all, metric::log_lines_dropped, number(now.log_lines_dropped));
    add(all, metric::reloads, number(process.reloads_done.value()), {{"result", "success"}});
    add(all, metric::reloads, number(process.reloads_failed.value()), {{"result", "failure"}});
    add(all, metric::configuration_age, process.configured.elapsed().count());
    add(all, metric::build_info, 1, {{"version", now.version}});
    auto const machine = read_process();
    add(all, metric::open_descriptors, number(machine.open_descriptors));
    add(all, metric::most_descriptors, number(machine.most_descriptors));
    add(all, metric::resident_memory, number(machine.resident_bytes));
    add(all, metric::start_time, machine.started);
}

} // namespace milter::observe
