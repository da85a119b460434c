#include "support/scenario.hpp"

#include "config/conditions.hpp"
#include "core/negotiation.hpp"
#include "core/verdict.hpp"
#include "support/words.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace milter::test {

namespace {

using problem = tl::unexpected<std::string>;

core::fallback fallback_of(std::string_view name) {
    using core::fallback;
    for (auto const one :
         {fallback::reject, fallback::temp_fail, fallback::discard, fallback::shutdown, fallback::quarantine})
        if (name == core::name_of(one)) return one;
    return fallback::accept;
}

tl::expected<void, std::string> apply_conditions(std::string_view names, cast const& all,
                                                 core::child_policy& to) {
    while (!names.empty()) {
        auto const name = names.substr(0, names.find(','));
        names.remove_prefix(std::min(name.size() + 1, names.size()));
        auto const& known = all.rules.conditions;
        auto const found =
            std::find_if(known.begin(), known.end(), [&](auto const& one) { return one.name == name; });
        if (found == known.end()) return problem("no such condition: " + std::string(name));
        to.conditions.push_back(static_cast<std::uint32_t>(found - known.begin()));
    }
    return {};
}

tl::expected<void, std::string> set_child(std::string_view word, cast const& all, core::child_policy& child,
                                          std::string& answer) {
    auto const equals = std::min(word.find('='), word.size());
    auto const key = word.substr(0, equals);
    auto const value = word.substr(std::min(equals + 1, word.size()));
    if (key == "fallback")
        child.on_failure = fallback_of(value);
    else if (key == "evaluation")
        child.evaluation_mode = true;
    else if (key == "early_feed")
        child.early_feed = value != "no";
    else if (key == "retry")
        child.retry_next_message = value != "no";
    else if (key == "exact_connect")
        child.exact_connect = true;
    else if (key == "parallel_mail")
        child.parallel_mail = true;
    else if (key == "group")
        child.parallel_group = std::string(value);
    else if (key == "reading_timeout")
        child.reading_timeout = read_duration(value);
    else if (key == "end_of_message_timeout")
        child.end_of_message_timeout = read_duration(value);
    else if (key == "connection_timeout")
        child.connection_timeout = read_duration(value);
    else if (key.starts_with("extra_macros")) // extra_macros3=i,{x}
        child.extra_macros[static_cast<wire::macro_stage>(key.back() - '0')] = core::split_macro_names(value);
    else if (key == "conditions")
        return apply_conditions(value, all, child);
    else if (key == "actions" || key == "steps" || key.starts_with("macros") || key.starts_with("v"))
        answer.append(" ").append(word);
    else
        return problem("no such attribute of a child: " + std::string(key));
    return {};
}

} // namespace

std::vector<block> read_blocks(std::string_view text) {
    std::vector<block> blocks;
    block now;
    bool expecting = false;
    std::size_t number = 0;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (expecting) {
            if (!line.empty()) {
                now.expected.push_back(line);
                continue;
            }
            blocks.push_back(std::move(now));
            now = {};
            expecting = false;
            continue;
        }
        if (line == "----")
            expecting = true;
        else if (line.empty() || line.starts_with('#'))
            now.before.push_back(line);
        else {
            if (now.steps.empty()) now.line = number;
            now.steps.push_back(line);
        }
    }
    if (expecting || !now.steps.empty()) blocks.push_back(std::move(now));
    return blocks;
}

std::string write_blocks(std::vector<block> const& blocks, std::string_view rest) {
    std::string text;
    for (auto const& one : blocks) {
        for (auto const* const part : {&one.before, &one.steps})
            for (auto const& line : *part)
                text += line + "\n";
        text += "----\n";
        for (auto const& line : one.expected)
            text += line + "\n";
        text += "\n";
    }
    if (text.ends_with("\n\n")) text.pop_back();
    return text.append(rest);
}

std::size_t cast::index_of(std::string_view name) const {
    std::size_t i = 0;
    while (i < rules.children.size() && rules.children[i].name != name)
        ++i;
    return i;
}

tl::expected<void, std::string> read_children(std::string_view line, cast& into) {
    into.rules.children.clear();
    into.answers.clear();
    while (!line.empty()) {
        auto const name = line.substr(0, line.find_first_of(" ("));
        line.remove_prefix(name.size());
        core::child_policy child;
        child.name = name;
        std::string answer = "agree";
        if (line.starts_with('(')) {
            auto const close = line.find(')');
            if (close == line.npos) return problem("no ) behind " + std::string(name));
            auto inside = line.substr(1, close - 1);
            line.remove_prefix(close + 1);
            while (!inside.empty())
                if (auto const set = set_child(take_word(inside), into, child, answer); !set) return set;
        }
        while (line.starts_with(' '))
            line.remove_prefix(1);
        into.rules.children.push_back(std::move(child));
        into.answers.push_back(std::move(answer));
    }
    return {};
}

tl::expected<void, std::string> read_condition(std::string_view line, cast& into) {
    auto const name = take_word(line);
    boost::system::error_code failed;
    auto const rules = boost::json::parse(line, failed);
    if (failed) return problem("not JSON: " + std::string(line));
    boost::json::value const all = {{{"name", name}, {"rules", rules}}};
    config::snapshot read;
    read.live.policy.questions = into.rules.questions;
    std::vector<config::complaint> complaints;
    config::read_conditions(all, "scenario", read, complaints);
    if (!complaints.empty()) return problem(complaints.front().text());
    into.rules.conditions.push_back(read.live.policy.conditions.front());
    into.rules.questions = read.live.policy.questions;
    into.conditions.push_back(serialize(all.as_array().front()));
    return {};
}

tl::expected<void, std::string> read_policy(std::string_view line, cast& into) {
    auto& rules = into.rules;
    while (!line.empty()) {
        auto const word = take_word(line);
        auto const equals = std::min(word.find('='), word.size());
        auto const key = word.substr(0, equals);
        auto const value = word.substr(std::min(equals + 1, word.size()));
        if (key == "mta")
            rules.mta = value == "postfix"    ? core::mta_kind::postfix
                        : value == "sendmail" ? core::mta_kind::sendmail
                                              : core::mta_kind::generic;
        else if (key == "negotiation_timeout")
            rules.negotiation_timeout = read_duration(value);
        else if (key == "command_timeout")
            rules.command_timeout = read_duration(value);
        else if (key == "end_of_message_timeout")
            rules.end_of_message_timeout = read_duration(value);
        else if (key == "progress_interval")
            rules.progress_interval = read_duration(value);
        else if (key == "quarantine_stops_chain")
            rules.quarantine_stops_chain = value != "no";
        else if (key == "worker_timeout")
            rules.worker_timeout = read_duration(value);
        else if (key == "client_check_interval")
            rules.client_check_interval = read_duration(value);
        else if (key == "on_client_gone")
            rules.on_client_gone = value == "accept"    ? core::fallback::accept
                                   : value == "reject"  ? core::fallback::reject
                                   : value == "discard" ? core::fallback::discard
                                                        : core::fallback::temp_fail;
        else if (key == "offer_timeout")
            rules.offer_timeout = read_duration(value);
        else if (key == "body_ahead")
            std::from_chars(value.data(), value.data() + value.size(), rules.body_ahead);
        else if (key == "chunk_size")
            std::from_chars(value.data(), value.data() + value.size(), rules.chunk_size);
        else if (key == "max_recipients")
            std::from_chars(value.data(), value.data() + value.size(), rules.limits.max_recipients);
        else if (key == "max_headers")
            std::from_chars(value.data(), value.data() + value.size(), rules.limits.max_headers);
        else if (key == "max_edits")
            std::from_chars(value.data(), value.data() + value.size(), rules.limits.max_edits);
        else
            return problem("no such policy: " + std::string(key));
    }
    return {};
}

tl::expected<cast, std::string> read_cast(std::vector<block> const& blocks) {
    cast result;
    for (auto const& one : blocks)
        for (std::string_view step : one.steps) {
            auto const who = take_word(step);
            tl::expected<void, std::string> read;
            if (who == "condition") read = read_condition(step, result);
            if (who == "children") read = read_children(step, result);
            if (who == "policy") read = read_policy(step, result);
            if (!read) return problem(read.error());
        }
    return result;
}

std::vector<std::string> single_steps(std::vector<block> const& blocks, cast const& with) {
    std::vector<std::string> all;
    auto const start = [&](std::string_view offer) {
        all.emplace_back("mta connects");
        all.emplace_back("mta ").append(offer.empty() ? default_offer : offer);
        for (std::size_t i = 0; i < with.rules.children.size(); ++i) {
            all.push_back(with.rules.children[i].name + " connects");
            all.push_back(with.rules.children[i].name + " " + agreement_of(with, i));
        }
    };
    for (auto const& one : blocks)
        for (std::string_view rest : one.steps) {
            auto const step = std::string(rest);
            auto const who = take_word(rest);
            if (who == "start")
                start(rest);
            else if (who != "children" && who != "policy" && who != "condition")
                all.push_back(step);
        }
    return all;
}

std::string agreement_of(cast const& with, std::size_t child) {
    return with.answers[child] == "agree" ? "agree v6 actions=all" : with.answers[child];
}

core::milliseconds read_duration(std::string_view text) {
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool const in_ms = std::string_view(end, text.data() + text.size()) == "ms";
    return core::milliseconds(in_ms ? value : value * 1000);
}

} // namespace milter::test
