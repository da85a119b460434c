#include "tools/test_client/settings.hpp"

#include "tools/arguments.hpp"
#include "tools/test_client/stages.hpp"
#include "wire/command.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace milter::tools::test_client {

namespace {

constexpr std::size_t largest_script = 1024 * 1024;

char stage_of(std::string_view name, std::string const& option) {
    auto const found = stage_by_name(name);
    if (!found) throw bad_argument(fmt::format("{}: no stage has this name: <{}>", option, name));
    return *found;
}

// "STAGE=REST"; REST is "" without "=".
std::pair<std::string, std::string> halves(std::string const& text) {
    auto const at = text.find('=');
    if (at == std::string::npos) return {text, ""};
    return {text.substr(0, at), text.substr(at + 1)};
}

void add_rule(settings& into, std::string const& option, std::string const& text,
              filter::body_answer answer) {
    auto const [stage, pattern] = halves(text);
    char const step = stage_of(stage, option);
    bool const impossible = step == wire::negotiate::code ||
                            (std::holds_alternative<filter::discard>(answer) && !has_discard(step)) ||
                            (std::holds_alternative<filter::accept>(answer) && !has_accept(step));
    if (impossible) throw bad_argument(fmt::format("{}: not possible at this stage: <{}>", option, stage));
    into.rules.push_back({step, pattern, std::move(answer)});
}

void answer_options(arguments& line, settings& into) {
    auto const plain = [&](std::string const& option, filter::body_answer const& answer, char const* help) {
        line.each(
            option,
            [&into, option, answer](std::string const& text) { add_rule(into, option, text, answer); }, help);
    };
    plain("--accept-at", filter::accept{}, "STAGE[=PATTERN]: accept when the stage's text contains PATTERN");
    plain("--reject-at", filter::reject{}, "STAGE[=PATTERN]: reject");
    plain("--temp-fail-at", filter::temp_fail{}, "STAGE[=PATTERN]: fail temporarily");
    plain("--discard-at", filter::discard{}, "STAGE[=PATTERN]: discard");
    line.each(
        "--reply-at",
        [&into](std::string const& text) {
            auto const [stage, words] = halves(text);
            auto const reply = wire::smtp_reply::parse(words);
            if (!reply)
                throw bad_argument(fmt::format("--reply-at: {}: <{}>", wire::describe(reply.error()), words));
            add_rule(into, "--reply-at", stage, *reply);
        },
        "STAGE=REPLY: refuse in these words, e.g. 'envelope-recipient=550 5.7.1 no'");
    line.each(
        "--reject-body", [&into](std::string const& text) { into.body_patterns.push_back(text); },
        "PATTERN: reject at the end of the message when the body contains it");
}

void trouble_options(arguments& line, settings& into) {
    auto const steps = [&](std::string const& option, std::set<char>& set, char const* help) {
        line.each(
            option, [&set, option](std::string const& text) { set.insert(stage_of(text, option)); }, help);
    };
    line.each(
        "--delay",
        [&into](std::string const& text) {
            auto const [stage, seconds] = halves(text);
            into.delays[stage_of(stage, "--delay")] = seconds_of(seconds, "--delay");
        },
        "STAGE=SECONDS: answer so much later");
    steps("--hang-at", into.hangs, "STAGE: never answer");
    steps("--close-at", into.closes, "STAGE: close the connection instead of an answer");
    steps("--garbage-at", into.garbage, "STAGE: send what is no milter packet instead of an answer");
}

void edit_options(arguments& line, settings& into) {
    line.each(
        "--add-header",
        [&into](std::string const& text) {
            auto const at = text.find(':');
            if (at == std::string::npos)
                throw bad_argument(fmt::format("--add-header: should be 'NAME:VALUE': <{}>", text));
            into.added_headers.emplace_back(text.substr(0, at), text.substr(at + 1));
        },
        "NAME:VALUE: add this header (all changes happen at the end of the message)");
    auto const optional = [&](std::string const& option, std::optional<std::string>& one, char const* help) {
        line.each(
            option, [&one](std::string const& text) { one = text; }, help);
    };
    auto const list = [&](std::string const& option, std::vector<std::string>& all, char const* help) {
        line.each(
            option, [&all](std::string const& text) { all.push_back(text); }, help);
    };
    optional("--replace-body", into.new_body, "TEXT: the new body");
    list("--add-recipient", into.added_recipients, "ADDRESS: add a recipient");
    list("--delete-recipient", into.deleted_recipients, "ADDRESS: remove a recipient");
    optional("--change-from", into.new_sender, "ADDRESS: the new sender of the envelope");
    optional("--quarantine", into.quarantine_reason, "REASON: put the message into quarantine");
}

wire::step step_flag(std::string const& name, std::string const& option) {
    auto const found = wire::step_by_name(name);
    if (!found) throw bad_argument(fmt::format("{}: no step has this name: <{}>", option, name));
    return *found;
}

// A script of reasonable size, read whole.
std::string text_of(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(largest_script + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    if (!file.is_open() || file.bad() || (text.empty() && !file.eof()))
        throw bad_argument(fmt::format("--script: {}: {}", path, std::strerror(errno)));
    if (text.size() > largest_script)
        throw bad_argument(fmt::format("--script: {}: larger than {} bytes", path, largest_script));
    return text;
}

void agreement_options(arguments& line, settings& into) {
    line.each(
        "--step", [&into](std::string const& name) { into.steps |= step_flag(name, "--step"); },
        "NAME: ask for this step flag, e.g. no-reply-body");
    line.each(
        "--no-step",
        [&into](std::string const& name) { into.steps = into.steps - step_flag(name, "--no-step"); },
        "NAME: do not ask for it");
    line.each(
        "--no-action",
        [&into](std::string const& name) {
            auto const found = wire::action_by_name(name);
            if (!found) throw bad_argument(fmt::format("--no-action: no action has this name: <{}>", name));
            into.actions = into.actions - *found;
        },
        "NAME: do not ask for this action flag, e.g. change-body");
    line.each(
        "--macros",
        [&into](std::string const& text) {
            auto const [name, names] = halves(text);
            auto const stage = macro_stage_by_name(name);
            if (!stage)
                throw bad_argument(
                    fmt::format("--macros: no stage with a list of macros has this name: <{}>", name));
            into.macros.emplace_back(*stage, names);
        },
        "STAGE=NAMES: ask for these macros there, e.g. 'rcpt=i {auth_authen}'");
}

void output_options(arguments& line, settings& into, bool& no_report) {
    line.flag("--no-report-request", no_report, "Do not print what is received");
    line.flag("--json", into.json, "Print what is received as JSON, an object a line");
    line.flag("--statistics", into.statistics, "Print what was counted at the end");
    line.flag("--body-checksum", into.checksum, "Print the length and the FNV-1a checksum of each body");
    line.text("--record", into.record_path, "FILE: write what MTAs send there, as a script of mta lines");
    line.each(
        "--script",
        [&into](std::string const& path) {
            auto script = read_script(text_of(path), path);
            if (!script) throw bad_argument(script.error());
            into.played = std::move(*script);
        },
        "FILE: behave as it says (see the manual page)");
}

} // namespace

parsed parse(int count, char const* const* words) {
    parsed result;
    auto& into = result.values;
    arguments line("Prints what an MTA sends, and answers as it is told.", "milter-test-client",
                   MILTER_VERSION);
    bool no_report = false;
    add_common_options(line, into.common, count, words);
    output_options(line, into, no_report);
    agreement_options(line, into);
    answer_options(line, into);
    edit_options(line, into);
    trouble_options(line, into);
    result.status = line.parse(count, words);
    into.report = !no_report;
    if (into.played.actions) into.actions = *into.played.actions;
    if (into.played.steps) into.steps = *into.played.steps;
    std::ranges::move(into.played.macros, std::back_inserter(into.macros));
    return result;
}

} // namespace milter::tools::test_client
