#include "tools/test_client/settings.hpp"

#include "tools/arguments.hpp"
#include "tools/test_client/mode.hpp"
#include "wire/command.hpp"

#include <array>

#include <fmt/format.h>

namespace milter::tools::test_client {

namespace {

struct step_name {
    std::string_view name;
    char step;
};

constexpr std::array steps_by_name = std::to_array<step_name>({
    {"negotiate", wire::negotiate::code},
    {"connect", wire::connect::code},
    {"helo", wire::helo::code},
    {"envelope-from", wire::mail::code},
    {"mail", wire::mail::code},
    {"envelope-recipient", wire::rcpt::code},
    {"rcpt", wire::rcpt::code},
    {"unknown", wire::unknown::code},
    {"data", wire::data::code},
    {"header", wire::header::code},
    {"end-of-header", wire::end_of_headers::code},
    {"body", wire::body::code},
    {"end-of-message", wire::end_of_message::code},
});

// "STAGE=REST"; REST is "" without "=".
std::pair<std::string, std::string> halves(std::string const& text) {
    auto const at = text.find('=');
    if (at == std::string::npos) return {text, ""};
    return {text.substr(0, at), text.substr(at + 1)};
}

void add_rule(settings& into, std::string const& option, std::string const& text,
              filter::body_answer answer) {
    auto const [stage, pattern] = halves(text);
    char const step = step_by_name(stage, option);
    bool const early = step == wire::connect::code || step == wire::helo::code;
    bool const impossible =
        step == wire::negotiate::code ||
        (std::holds_alternative<filter::discard>(answer) && (early || step == wire::unknown::code)) ||
        (std::holds_alternative<filter::accept>(answer) && step == wire::unknown::code);
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
            option, [&set, option](std::string const& text) { set.insert(step_by_name(text, option)); },
            help);
    };
    line.each(
        "--delay",
        [&into](std::string const& text) {
            auto const [stage, seconds] = halves(text);
            into.delays[step_by_name(stage, "--delay")] = seconds_of(seconds, "--delay");
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

void socket_options(arguments& line, settings& into, std::string const& spelling) {
    line.each(
        "-s,--connection-spec",
        [&into, spelling](std::string const& text) {
            auto const where = wire::endpoint::parse(text);
            if (!where) throw bad_argument(fmt::format("{}: {}", spelling, where.error()));
            into.where = *where;
        },
        "SPEC: where to listen: unix:PATH, inet:PORT[@HOST], inet6:PORT[@HOST]");
    line.each(
        "--step", [&into](std::string const& name) { into.steps |= step_flag(name, "--step"); },
        "NAME: ask for this step flag, e.g. no-reply-body");
    line.each(
        "--no-step",
        [&into](std::string const& name) { into.steps = into.steps - step_flag(name, "--no-step"); },
        "NAME: do not ask for it");
    line.text("--unix-socket-group", into.listen.unix_group, "GROUP: of the unix socket");
    line.each(
        "--unix-socket-mode",
        [&into](std::string const& text) {
            auto const mode = mode_of(text);
            if (!mode) throw bad_argument("--unix-socket-mode: " + mode.error());
            into.listen.unix_mode = *mode;
        },
        "MODE: of the unix socket, octal or like u=rw,g=rw");
    line.text("--pid-file", into.pid_file, "FILE: gets the number of the process");
}

// The rest of the older program's options: better an error than silence.
void missing_options(arguments& line) {
    for (auto const* option :
         {"--log-level", "--log-path", "--syslog-facility", "-u,--user", "--user-id", "--user-name",
          "-g,--group", "--group-id", "--group-name", "--socket-group-name", "--n-workers",
          "--event-loop-backend", "--packet-buffer-size", "--max-pending-finished-sessions"})
        line.missing(option, true);
    for (auto const* option : {"-v,--verbose", "--syslog", "--daemon"})
        line.missing(option, false);
}

} // namespace

char step_by_name(std::string_view name, std::string const& option) {
    for (auto const& one : steps_by_name)
        if (one.name == name) return one.step;
    throw bad_argument(fmt::format("{}: no stage has this name: <{}>", option, name));
}

parsed parse(int count, char const* const* words) {
    parsed result;
    auto& into = result.values;
    std::string spelling = "-s";
    for (int index = 1; index < count; ++index)
        if (std::string_view(words[index]).starts_with("--connection-spec")) spelling = "--connection-spec";
    arguments line("Prints what an MTA sends, and answers as it is told.", "milter-test-client",
                   MILTER_VERSION);
    bool no_report = false;
    bool nothing_to_do = false; // is so without it
    line.flag("--no-report-request", no_report, "Do not print what is received");
    line.flag("--body-checksum", into.checksum, "Print the length and the FNV-1a checksum of each body");
    line.flag("--no-daemon,-q,--quiet", nothing_to_do,
              "Accepted, and so anyway: stay in the foreground, no log");
    socket_options(line, into, spelling);
    answer_options(line, into);
    edit_options(line, into);
    trouble_options(line, into);
    missing_options(line);
    result.status = line.parse(count, words);
    into.report = !no_report;
    return result;
}

} // namespace milter::tools::test_client
