#include "tools/test_server/settings.hpp"

#include "tools/arguments.hpp"
#include "tools/conformance/rules.hpp"
#include "tools/console.hpp"
#include "tools/test_server/address.hpp"
#include "tools/test_server/mail_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

namespace milter::tools::test_server {

namespace {

constexpr std::size_t largest_piece = 65535; // protocol 4.7

// What the command line said, before defaults and the mail file are brought together.
struct wanted {
    std::optional<std::string> spec;
    std::optional<std::string> sender;
    std::vector<std::string> recipients;
    std::vector<header> headers;
    std::vector<std::string> body;
    std::string mail_file;
    std::vector<std::string> scripts;
    std::string color = "auto";
};

macro_sets default_macros() {
    return {
        {wire::connect::code,
         {{"daemon_name", "milter-test-server"},
          {"if_name", "localhost"},
          {"if_addr", "127.0.0.1"},
          {"j", "mail.example.com"}}},
        {wire::helo::code,
         {{"tls_version", "0"},
          {"cipher", "0"},
          {"cipher_bits", "0"},
          {"cert_subject", "cert_subject"},
          {"cert_issuer", "cert_issuer"}}},
        {wire::mail::code,
         {{"mail_mailer", "mail_mailer"}, {"mail_host", "mail_host"}, {"mail_addr", "mail_addr"}}},
        {wire::rcpt::code,
         {{"rcpt_mailer", "rcpt_mailer"}, {"rcpt_host", "rcpt_host"}, {"rcpt_addr", std::nullopt}}},
        {wire::data::code, {{"i", "i"}}},
        {wire::end_of_headers::code, {{"i", "i"}}},
        {wire::end_of_message::code, {{"i", "i"}}},
    };
}

void set_macro(std::vector<macro>& set, std::string name, std::string value) {
    if (name.size() > 2 && name.front() == '{' && name.back() == '}') name = name.substr(1, name.size() - 2);
    auto const same = std::ranges::find(set, name, &macro::name);
    if (same == set.end())
        set.push_back({std::move(name), std::move(value)});
    else
        same->value = std::move(value);
}

void macro_options(arguments& line, settings& into) {
    static constexpr std::array options = std::to_array<std::pair<char const*, char>>({
        {"--connect-macro", wire::connect::code},
        {"--helo-macro", wire::helo::code},
        {"--envelope-from-macro", wire::mail::code},
        {"--envelope-recipient-macro", wire::rcpt::code},
        {"--data-macro", wire::data::code},
        {"--end-of-header-macro", wire::end_of_headers::code},
        {"--end-of-message-macro", wire::end_of_message::code},
    });
    for (auto const& [name, step] : options)
        line.each(
            name,
            [&into, step = step](std::string const& text) {
                auto const colon = text.find(':');
                if (colon == std::string::npos || colon == 0)
                    throw bad_argument(
                        fmt::format("macro name and value delimiter ':' doesn't exist: <{}>", text));
                set_macro(into.macros[step], text.substr(0, colon), text.substr(colon + 1));
            },
            "NAME:VALUE: tell this macro at the stage");
    static constexpr std::array authenticated = std::to_array<std::pair<char const*, char const*>>({
        {"--authenticated-name", "auth_authen"},
        {"--authenticated-type", "auth_type"},
        {"--authenticated-author", "auth_author"},
    });
    for (auto const& [option, name] : authenticated)
        line.each(
            option,
            [&into, name = name](std::string const& text) {
                set_macro(into.macros[wire::mail::code], name, text);
            },
            "TEXT: the macro {auth_...} of the sender");
}

void mail_options(arguments& line, settings& into, wanted& mail) {
    line.text("--helo-fqdn", into.helo, "FQDN: what the client says at HELO");
    line.each(
        "-f,--envelope-from", [&mail](std::string const& text) { mail.sender = text; },
        "ADDRESS: the sender");
    line.each(
        "-r,--envelope-recipient", [&mail](std::string const& text) { mail.recipients.push_back(text); },
        "ADDRESS: a recipient");
    line.each(
        "-h,--header",
        [&mail](std::string const& text) {
            auto const colon = text.find(':');
            if (colon == std::string::npos || colon == 0)
                throw bad_argument("headers option should be 'NAME:VALUE'");
            mail.headers.push_back({text.substr(0, colon), text.substr(colon + 1)});
        },
        "NAME:VALUE: a header field");
    line.each(
        "-b,--body", [&mail](std::string const& text) { mail.body.push_back(text); },
        "TEXT: a piece of body");
    line.text("-m,--mail-file", mail.mail_file, "PATH: send this mail");
    line.each(
        "--unknown", [&into](std::string const& text) { into.unknown_command = text; },
        "COMMAND: an unknown command after the last recipient");
}

std::string resolved(wire::endpoint const& where) {
    if (where.host.empty()) return where.family == wire::endpoint::kind::inet ? "0.0.0.0" : "::";
    addrinfo hints{};
    hints.ai_family = where.family == wire::endpoint::kind::inet ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (int const failed = ::getaddrinfo(where.host.c_str(), nullptr, &hints, &found); failed != 0)
        throw bad_argument(where.unresolved(::gai_strerror(failed)));
    std::array<char, NI_MAXHOST> text{};
    ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    ::freeaddrinfo(found);
    return text.data();
}

client_address client_of(std::string const& spec) {
    auto const where = wire::endpoint::parse(spec);
    if (!where) throw bad_argument(where.error());
    if (where->family == wire::endpoint::kind::unix_socket) return {'L', 0, where->path};
    return {where->family == wire::endpoint::kind::inet ? '4' : '6', where->port, resolved(*where)};
}

void connection_options(arguments& line, settings& into, wanted& mail) {
    line.text("--name", into.name, "NAME: of this program in notes on stderr");
    line.each(
        "-s,--connection-spec", [&mail](std::string const& text) { mail.spec = text; },
        "SPEC: where the milter listens: unix:PATH, inet:PORT[@HOST], inet6:PORT[@HOST]");
    line.number("--negotiate-version", into.version, "N: the version of the protocol to offer");
    line.text("--connect-host", into.host, "HOST: the name of the SMTP client");
    line.each(
        "--connect-address", [&into](std::string const& text) { into.client = client_of(text); },
        "SPEC: the address of the SMTP client");
    line.seconds("--connection-timeout", into.connection_timeout, "SECONDS: for connecting (300)");
    line.seconds("--reading-timeout", into.reading_timeout, "SECONDS: for each reply (10)");
    line.seconds("--writing-timeout", into.writing_timeout, "SECONDS: for each write (10)");
    line.seconds("--end-of-message-timeout", into.end_of_message_timeout,
                 "SECONDS: for the whole stage end-of-message (300)");
    line.each(
        "--all-timeouts",
        [&into](std::string const& text) {
            auto const all = seconds_of(text, "--all-timeouts");
            into.connection_timeout = into.reading_timeout = into.writing_timeout =
                into.end_of_message_timeout = all.count() > 0 ? time_limit(all) : std::nullopt;
        },
        "SECONDS: all four of them");
    line.number("-t,--threads", into.sessions, "N: so many sessions at the same time");
}

void load_options(arguments& line, settings& into) {
    static constexpr unsigned most = 1'000'000'000;
    auto const counted = [&](char const* name, unsigned& value, char const* help) {
        line.each(
            name,
            [&into, &value, name](std::string const& text) {
                auto const end = text.data() + text.size();
                auto const [rest, failed] = std::from_chars(text.data(), end, value);
                if (failed != std::errc() || rest != end || value == 0 || value > most)
                    throw bad_argument(fmt::format("{}: not a number from 1 to {}: <{}>", name, most, text));
                into.is_load = true;
            },
            help);
    };
    counted("--repeat", into.repeat, "N: so many sessions in all; their sum is printed");
    counted("--concurrency", into.concurrency, "C: with --repeat: so many at the same time (1)");
    line.each(
        "--rate",
        [&into](std::string const& text) {
            char* end = nullptr;
            into.rate = std::strtod(text.c_str(), &end);
            if (text.empty() || *end != '\0' || !(into.rate > 0.001 && into.rate < most))
                throw bad_argument(fmt::format("--rate: not a number of sessions per second: <{}>", text));
            into.is_load = true;
        },
        "R: with --repeat: begin so many sessions a second");
    line.flag("--json", into.json, "Print the result as a line of JSON");
}

void output_options(arguments& line, settings& into, wanted& mail) {
    line.flag("--output-message", into.output_message, "Print what became of the message");
    line.app()
        .add_option(
            "--color",
            [&mail](CLI::results_t const& values) {
                mail.color = values.empty() || values.back().empty() ? "yes" : values.back();
                return true;
            },
            "yes, no or auto (auto)")
        ->type_name("")
        ->expected(0, 1);
    line.flag("-v,--verbose", into.verbose, "Print every packet's name on stderr");
    line.each(
        "--script", [&mail](std::string const& text) { mail.scripts.push_back(text); },
        "FILE: play the session in this file instead of one message; may be given several times");
    line.text("--expect", into.expected_status,
              "STATUS: end with status 2 when the milter's answer is another");
}

void replay_options(arguments& line, settings& into) {
    line.text("--replay", into.replay,
              "DIR: play the sessions that milter-manager --record wrote there, and report differences");
    line.each(
        "--replay-ignore", [&into](std::string const& text) { into.ignored.push_back(text); },
        "PATTERN: with --replay: do not compare lines like this, e.g. 'add-header DKIM-Signature:*'");
}

void conformance_options(arguments& line, settings& into, wanted& mail) {
    line.each(
        "--conformance",
        [&](std::string const& text) {
            mail.spec = text;
            into.conformance = true;
        },
        "SPEC: find out which rules of the protocol the milter there breaks");
    line.each(
        "--rule",
        [&into](std::string const& text) {
            if (!conformance::find_rule(text)) {
                std::string known;
                for (auto const& one : conformance::all_rules())
                    known += fmt::format("{}{}", known.empty() ? "" : ", ", one.word);
                throw bad_argument(fmt::format("--rule: there is no rule <{}>, but: {}", text, known));
            }
            into.rules.insert(text);
        },
        "WORD: with --conformance: only this rule; may be given several times");
}

bool use_color(std::string const& choice) {
    if (choice == "yes" || choice == "true") return true;
    if (choice == "no" || choice == "false") return false;
    if (choice != "auto") throw bad_argument("Invalid color value: " + choice);
    char const* const variable = std::getenv("TERM");
    std::string_view const term = variable ? variable : "";
    bool const knows = term.ends_with("term") || term.ends_with("term-color") ||
                       term.ends_with("term-256color") || term == "screen" || term == "linux";
    return knows && ::isatty(STDOUT_FILENO) == 1;
}

void add_pieces(std::vector<std::string>& to, std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), largest_piece)))
        to.emplace_back(bytes.substr(0, largest_piece));
}

header const* find_header(std::vector<header> const& all, std::string_view name) {
    auto const found =
        std::ranges::find_if(all, [&](header const& one) { return same_name(one.name, name); });
    return found == all.end() ? nullptr : &*found;
}

void take_mail_file(wanted& from, message& into) {
    auto const mail = read_mail(from.mail_file);
    if (!mail) throw bad_argument(mail.error());
    into.original_headers = mail->headers;
    if (from.body.empty()) add_pieces(into.body, mail->body);
    if (auto const* const field = find_header(mail->headers, "From"); field && !from.sender) {
        auto const senders = addresses_of(field->value);
        from.sender = senders.empty() ? "" : senders.front();
    }
    if (auto const* const field = find_header(mail->headers, "To"); field && from.recipients.empty())
        from.recipients = addresses_of(field->value);
}

void complete(settings& into, wanted& from) {
    auto const where = wire::endpoint::parse(from.spec ? std::string_view(*from.spec) : std::string_view());
    if (!where) throw bad_argument(where.error());
    into.where = *where;
    into.color = use_color(from.color);
    if (into.repeat > 1 && !into.replay.empty())
        throw bad_argument("--repeat does not go with --replay: each session is played once");
    if (into.sessions == 0) into.sessions = 1;
    if (into.is_load && into.sessions > 1)
        throw bad_argument("--threads does not go with --repeat, --concurrency and --rate");
    for (auto const& path : from.scripts) {
        auto read = script::read(path);
        if (!read) throw bad_argument(read.error());
        into.scripts.push_back(std::move(*read));
    }
    auto& mail = into.mail;
    if (!from.mail_file.empty()) take_mail_file(from, mail);
    mail.sender = in_brackets(from.sender.value_or("sender@example.com"));
    if (from.recipients.empty()) from.recipients.emplace_back("receiver@example.org");
    for (auto const& one : from.recipients)
        mail.recipients.push_back({in_brackets(one)});
    auto& headers = mail.original_headers;
    headers.insert(headers.end(), from.headers.begin(), from.headers.end());
    if (!find_header(headers, "From")) headers.push_back({"From", mail.sender});
    if (!find_header(headers, "To")) headers.push_back({"To", mail.recipients.front().address});
    mail.headers = headers;
    for (auto const& one : from.body)
        add_pieces(mail.body, one);
    if (from.body.empty() && from.mail_file.empty())
        mail.body.emplace_back("La de da de da 1.\nLa de da de da 2.\nLa de da de da 3.\nLa de da de da 4.");
}

} // namespace

parsed parse(int count, char const* const* words) {
    parsed result;
    auto& into = result.values;
    into.macros = default_macros();
    wanted from;
    arguments line("Plays an MTA that talks to a milter once.", "milter-test-server",
                   "milter-test-server " MILTER_VERSION);
    connection_options(line, into, from);
    mail_options(line, into, from);
    macro_options(line, into);
    output_options(line, into, from);
    load_options(line, into);
    replay_options(line, into);
    conformance_options(line, into, from);
    result.status = line.parse(count, words);
    if (result.status) return result;
    try {
        complete(into, from);
    } catch (bad_argument const& complaint) {
        print_error("{}\n", complaint.what());
        result.status = 1;
    }
    return result;
}

} // namespace milter::tools::test_server
