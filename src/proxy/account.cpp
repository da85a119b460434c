#include "proxy/account.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace milter::proxy {

namespace {

constexpr std::size_t longest_text = 1024;
constexpr std::size_t most_notes = 16;

void cut(std::string& text) {
    if (text.size() > longest_text) text.replace(longest_text, std::string::npos, "...");
}

std::string_view word_of(core::verdict::kind said) {
    return core::name_of(core::verdict::of(said));
}

} // namespace

std::size_t account::bytes() const {
    std::size_t all = sizeof *this + queue_id.size() + client.size() + host.size() + sender.size() +
                      verdict.size() + reply.size() + stage.size() + decided_by.size();
    for (auto const& one : children)
        all += sizeof one + one.name.size() + one.endpoint.size() + one.said.size() + one.condition.size() +
               one.reason.size() + one.costs.size();
    for (auto const& one : notes)
        all += sizeof one + one.size();
    return all;
}

void recent::allow(std::size_t messages) {
    std::lock_guard const held(mutex_);
    most_ = messages;
    shrink();
}

bool recent::wanted() const {
    std::lock_guard const held(mutex_);
    return most_ > 0;
}

void recent::shrink() {
    while (!kept_.empty() && (kept_.size() > most_ || bytes_ > most_ * bytes_each)) {
        bytes_ -= kept_.front().bytes();
        kept_.pop_front();
    }
}

void recent::keep(account one) {
    for (auto* const text : {&one.queue_id, &one.client, &one.host, &one.sender, &one.reply})
        cut(*text);
    for (auto& child : one.children)
        cut(child.reason);
    for (auto& note : one.notes)
        cut(note);
    std::lock_guard const held(mutex_);
    bytes_ += one.bytes();
    kept_.push_back(std::move(one));
    shrink();
}

std::optional<account> recent::find(std::string_view id) const {
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    bool const is_number = error == std::errc{} && end == id.data() + id.size();
    std::lock_guard const held(mutex_);
    auto found = id.empty() ? kept_.rend()
                            : std::find_if(kept_.rbegin(), kept_.rend(),
                                           [&](account const& one) { return one.queue_id == id; });
    if (found == kept_.rend() && is_number)
        found = std::find_if(kept_.rbegin(), kept_.rend(),
                             [&](account const& one) { return one.session == number; });
    if (found == kept_.rend()) return std::nullopt;
    return *found;
}

std::vector<account> recent::all() const {
    std::lock_guard const held(mutex_);
    return {kept_.begin(), kept_.end()};
}

witness::witness(std::shared_ptr<recent> to, core::policy const& rules, std::uint64_t session)
    : to_(to && to->wanted() ? std::move(to) : nullptr), rules_(rules), session_(session) {}

child_account& witness::of(core::child_index i) {
    if (known_.empty()) known_.resize(rules_.children.size());
    return known_[i];
}

void witness::operator()(core::child_answered const& what) {
    if (!to_) return;
    auto& one = of(what.child);
    if (one.said != "skipped") one.said = word_of(what.said);
    one.took += what.took;
    bool const refuses =
        what.said == core::verdict::kind::reject || what.said == core::verdict::kind::temp_fail;
    if (what.at == core::stage::rcpt && refuses) ++one.refused_recipients;
}

void witness::operator()(core::child_skipped const& what) {
    if (!to_) return;
    auto const& by = rules_.conditions[what.condition];
    auto& one = of(what.child);
    one.said = "skipped";
    one.at = what.at;
    one.condition = by.where.empty() ? by.name : by.name + " (" + by.where + ")";
}

void witness::operator()(core::child_failed const& what) {
    if (!to_) return;
    auto& one = of(what.child);
    one.said = "failed";
    one.at = what.at;
    one.reason = core::describe(what.why);
    if (!what.detail.empty()) one.reason += ": " + what.detail;
    one.costs = rules_.children[what.child].evaluation_mode ? "" : core::name_of(what.costs);
}

void witness::odd(core::child_index child, std::string text) {
    if (!to_ || notes_.size() >= most_notes) return;
    bool const known = child < rules_.children.size();
    notes_.push_back(known ? rules_.children[child].name + ": " + text : std::move(text));
}

account witness::begin() const {
    account made;
    made.session = session_;
    made.notes = notes_;
    for (auto const& one : rules_.children) {
        auto& child = made.children.emplace_back();
        child.name = one.name;
        child.endpoint = one.where.text();
        child.evaluation_mode = one.evaluation_mode;
    }
    return made;
}

void witness::operator()(core::message_done const& what) {
    if (!to_) return;
    auto made = begin();
    made.queue_id = what.queue_id;
    made.client = what.client.address;
    made.host = what.client.host;
    made.sender = what.sender;
    made.recipients = what.recipients;
    made.refused_recipients = what.refused_recipients;
    made.size = what.size;
    made.verdict = what.aborted ? "aborted" : core::name_of(what.said);
    if (what.said.text && !what.aborted) made.reply = what.said.text->text();
    made.stage = core::name_of(what.at);
    if (what.decided_by) made.decided_by = rules_.children[*what.decided_by].name;
    made.quarantined = what.quarantined;
    for (std::size_t i = 0; i < what.children.size(); ++i) {
        auto const& from = what.children[i];
        auto& to = made.children[i];
        to.said = from.said;
        to.took = from.took;
        to.edits = from.edits;
        if (!known_.empty()) to.refused_recipients = std::exchange(known_[i].refused_recipients, 0);
        if (from.said == "skipped") {
            to.condition = from.skipped_by;
            to.at = from.skipped_at;
        } else if (from.said == "failed" && !known_.empty()) {
            to.at = known_[i].at;
            to.reason = known_[i].reason;
            to.costs = known_[i].costs;
        }
    }
    to_->keep(std::move(made));
    notes_.clear();
    kept_ = true;
}

void witness::add_known(account& to) const {
    for (std::size_t i = 0; i < to.children.size(); ++i) {
        auto& child = to.children[i];
        child.said = "not-asked";
        if (known_.empty() || known_[i].said.empty()) continue;
        auto const& from = known_[i];
        child.said = from.said;
        child.took = from.took;
        child.at = from.at;
        child.condition = from.condition;
        child.reason = from.reason;
        child.costs = from.costs;
    }
}

void witness::operator()(core::session_decided const& what) {
    if (!to_) return;
    auto made = begin();
    add_known(made);
    made.client = what.client.address;
    made.host = what.client.host;
    made.verdict = core::name_of(what.said);
    if (what.said.text) made.reply = what.said.text->text();
    made.stage = core::name_of(what.at);
    made.decided_by = rules_.children[what.by].name;
    if (auto& one = made.children[what.by]; one.said != "failed") one.said = made.verdict;
    to_->keep(std::move(made));
    kept_ = true;
}

void witness::operator()(core::session_ended const& what) {
    if (!to_ || kept_ || !to_->wants_every_session()) return;
    auto made = begin();
    add_known(made);
    made.verdict = what.said;
    if (what.at) made.stage = core::name_of(*what.at);
    to_->keep(std::move(made));
}

} // namespace milter::proxy
