#include "tools/performance_check/settings.hpp"

#include "tools/arguments.hpp"
#include "tools/console.hpp"
#include "wire/words.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include <fmt/format.h>

namespace milter::tools::performance_check {

namespace {

// "10", "1.5s", "2min", "1 hour".
duration duration_of(std::string const& text, std::string const& option) {
    char* end = nullptr;
    double const number = std::strtod(text.c_str(), &end);
    std::string unit = end;
    unit.erase(0, unit.find_first_not_of(' '));
    auto const is_one_of = [&unit](std::initializer_list<char const*> all) {
        for (auto const* const one : all)
            if (unit == one) return true;
        return false;
    };
    double const factor = is_one_of({"", "s", "sec", "second", "seconds"}) ? 1
                          : is_one_of({"m", "min", "minute", "minutes"})   ? 60
                          : is_one_of({"h", "hour", "hours"})              ? 3600
                                                                           : 0;
    if (end == text.c_str() || factor == 0 || !(number > 0) || number * factor > 1e9)
        throw bad_argument(fmt::format("{}: invalid period format: <{}>", option, text));
    return duration(static_cast<std::int64_t>(std::llround(number * factor * 1000)));
}

template <class Value>
Value one_of(std::map<std::string, Value> const& known, std::string const& text, std::string const& option) {
    if (auto const found = known.find(text); found != known.end()) return found->second;
    std::string names;
    for (auto const& [name, value] : known)
        names += (names.empty() ? "" : ", ") + name;
    throw bad_argument(fmt::format("{}: <{}> is none of {}", option, text, names));
}

// A larger one is no map.
std::string map_in(std::string const& path) {
    constexpr std::size_t most = 1024 * 1024; // bytes
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "re"), &std::fclose);
    std::string text(most + 1, '\0');
    text.resize(file ? std::fread(text.data(), 1, text.size(), file.get()) : 0);
    if (!file || std::ferror(file.get()) != 0)
        throw bad_argument(fmt::format("--auth-map: cannot read {}: {}", path, std::strerror(errno)));
    if (text.size() > most)
        throw bad_argument(fmt::format("--auth-map: {}: larger than {} bytes", path, most));
    return text;
}

// Lines "SERVER:PORT USER:PASSWORD".
credentials login_for(server const& to, std::string const& path) {
    std::istringstream file(map_in(path));
    auto const wanted = fmt::format("{}:{}", to.host, to.port);
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        if (line.ends_with('\r')) line.pop_back();
        auto const first = line.find_first_not_of(" \t");
        if (first == std::string::npos || line[first] == '#') continue;
        auto const blank = line.find_first_of(" \t", first);
        auto const user = blank == std::string::npos ? blank : line.find_first_not_of(" \t", blank);
        auto const colon = user == std::string::npos ? user : line.find(':', user);
        if (colon == std::string::npos)
            throw bad_argument(fmt::format("--auth-map: invalid format: {}:{}: <{}>", path, number,
                                           wire::quoted(line.substr(0, 80))));
        if (line.substr(first, blank - first) == wanted)
            return {line.substr(user, colon - user), line.substr(colon + 1)};
    }
    throw bad_argument(fmt::format("--auth-map: {} has no line for {}", path, wanted));
}

struct raw {
    std::string user, password, auth_map, port = "25", client_name, client_address;
    std::vector<std::string> senders, recipients;
    bool no_shuffle = false, no_report_failures = false;
};

void smtp_options(arguments& line, settings& into, raw& read) {
    line.text("--smtp-server", into.to.host, "HOST: the server (localhost)");
    line.text("--smtp-port", read.port, "PORT: of the server (25)");
    line.text("--connect-host", read.client_name, "HOST: the client's name, said by XCLIENT");
    line.text("--connect-address", read.client_address, "ADDRESS: the client's address, said by XCLIENT");
    line.text("--helo-fqdn", into.who.helo, "FQDN: what the client says at EHLO (localhost.localdomain)");
    line.each(
        "--starttls",
        [&into](std::string const& text) {
            into.how.encrypt = one_of<starttls>(
                {{"auto", starttls::automatic}, {"always", starttls::always}, {"disable", starttls::disable}},
                text, "--starttls");
        },
        "auto|always|disable (auto)");
    line.text("--auth-user", read.user, "USER: to log in");
    line.text("--auth-password", read.password, "PASSWORD: to log in");
    line.each(
        "--auth-mechanism",
        [&into](std::string const& text) {
            into.how.how = one_of<mechanism>({{"auto", mechanism::automatic},
                                              {"plain", mechanism::plain},
                                              {"login", mechanism::login},
                                              {"cram_md5", mechanism::cram_md5},
                                              {"cram-md5", mechanism::cram_md5}},
                                             text, "--auth-mechanism");
        },
        "auto|plain|login|cram-md5 (auto)");
    line.text("--auth-map", read.auth_map, "FILE: lines \"SERVER:PORT USER:PASSWORD\"");
    line.each(
        "--from", [&read](std::string const& one) { read.senders.push_back(one); },
        "ADDRESS: the sender; several are taken in turn (from@example.com)");
    line.flag("--force-from", into.who.force_sender, "Also for mails that name their sender");
    line.each(
        "--recipient", [&read](std::string const& one) { read.recipients.push_back(one); },
        "ADDRESS: a recipient; may be given several times (to@example.com)");
    line.each(
        "--force-recipient",
        [&](std::string const& one) {
            read.recipients.push_back(one);
            into.who.force_recipients = true;
        },
        "ADDRESS: the same, also for mails that name theirs");
    line.each(
        "--reading-timeout",
        [&into](std::string const& text) {
            into.to.reading_timeout = duration_of(text, "--reading-timeout");
        },
        "SECONDS: for each reply (60)");
}

void load_options(arguments& line, settings& into, raw& read) {
    line.number("--n-mails", into.mails, "N: so many, when there is one mail or none (100)");
    line.number("--n-additional-lines", into.additional_lines, "N: lines more in a generated mail (0)");
    line.number("--n-concurrent-connections", into.concurrent, "N: connections at once (1)");
    line.number("--n-workers", into.workers, "N: threads, each of which sends all mails (1)");
    line.each(
        "--period", [&into](std::string const& text) { into.period = duration_of(text, "--period"); },
        "T: start all mails within T");
    line.each(
        "--interval", [&into](std::string const& text) { into.interval = duration_of(text, "--interval"); },
        "T: start a mail every T");
    line.each(
        "--flood",
        [&into](std::string const& text) {
            into.flood = true;
            if (!text.empty()) into.flood_for = duration_of(text, "--flood");
        },
        "[=T]: send all mails again and again, for T or until it is interrupted");
    line.flag("--shuffle", into.shuffle, "In any order");
    line.flag("--no-shuffle", read.no_shuffle, "In the order of their names (the default)");
    line.text("--report-statistics-data", into.csv, "FILE: a line of CSV for each mail");
    line.flag("--report-failure-responses", into.report_failures, "Say what refused mails, and how often");
    line.flag("--no-report-failure-responses", read.no_report_failures, "Do not (the default)");
    line.each(
        "--report-periodically",
        [&into](std::string const& text) {
            into.report_every = text.empty() ? duration(1000) : duration_of(text, "--report-periodically");
        },
        "[=T]: print a line of figures every T (1s)");
    line.flag("--json", into.json, "Print the result as JSON");
}

void complete(settings& into, raw const& read) {
    unsigned port = 0;
    auto const [end, failed] = std::from_chars(read.port.data(), read.port.data() + read.port.size(), port);
    if (failed != std::errc{} || end != read.port.data() + read.port.size() || port == 0 || port > 65535)
        throw bad_argument(fmt::format("--smtp-port: not a port: <{}>", read.port));
    into.to.port = static_cast<std::uint16_t>(port);
    if (!read.client_name.empty()) into.how.client_name = read.client_name;
    if (!read.client_address.empty()) into.how.client_address = read.client_address;
    if (!read.user.empty()) into.how.login = credentials{read.user, read.password};
    if (!read.auth_map.empty()) into.how.login = login_for(into.to, read.auth_map);
    if (!read.senders.empty()) into.who.senders = read.senders;
    if (!read.recipients.empty()) into.who.recipients = read.recipients;
    if (read.no_shuffle) into.shuffle = false;
    if (read.no_report_failures) into.report_failures = false;
    if (into.period && into.interval) throw bad_argument("--period: can't use with --interval");
    if (into.flood && into.period) throw bad_argument("--flood: can't use with --period/--interval");
    if (into.flood && into.interval) throw bad_argument("--flood: can't use with --period/--interval");
    if (into.mails == 0 || into.mails > 100'000'000) throw bad_argument("--n-mails: must be 1 to 100000000");
    if (into.additional_lines > 10'000'000) throw bad_argument("--n-additional-lines: must be 0 to 10000000");
    if (into.concurrent == 0 || into.concurrent > 10'000)
        throw bad_argument("--n-concurrent-connections: must be 1 to 10000");
    if (into.workers == 0 || into.workers > 1'000) throw bad_argument("--n-workers: must be 1 to 1000");
}

} // namespace

parsed parse(int count, char const* const* words) {
    parsed all;
    raw read;
    arguments line("Sends mails to an SMTP server and measures how long each takes.",
                   "milter-performance-check", "milter-performance-check " MILTER_VERSION);
    smtp_options(line, all.values, read);
    load_options(line, all.values, read);
    line.app()
        .add_option("mails", all.values.paths, "Files and directories; \"-\" is standard input")
        ->option_text("FILE_OR_DIR...")
        ->expected(-1);
    // Their value, if there is one, is behind "="; the next word is none.
    std::vector<std::string> spelt(words, words + count);
    for (auto& word : spelt)
        if (word == "--flood" || word == "--report-periodically") word += '=';
    std::vector<char const*> pointers;
    for (auto const& word : spelt)
        pointers.push_back(word.c_str());
    all.status = line.parse(count, pointers.data());
    if (all.status) return all;
    try {
        complete(all.values, read);
    } catch (bad_argument const& complaint) {
        print_error("{}\n", complaint.what());
        all.status = 1;
    }
    return all;
}

} // namespace milter::tools::performance_check
