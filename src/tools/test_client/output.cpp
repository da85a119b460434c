#include "tools/test_client/output.hpp"

#include "tools/console.hpp"
#include "tools/utf8.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace milter::tools::test_client {

namespace {

namespace json = boost::json;

constexpr std::size_t longest_recording = 64 * 1024 * 1024; // of a session, in bytes

bool failed = false;
std::FILE* record = nullptr;

void write(std::FILE* file, std::string_view text, char const* where) {
    if (failed && file == stdout) return;
    bool const whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (whole && std::fflush(file) == 0) return;
    int const number = errno;
    if (!std::exchange(failed, true)) {
        print_error("cannot write to {}: {}\n", where, std::strerror(number));
        ::raise(SIGTERM);
    }
}

struct answer_word {
    std::string_view operator()(filter::go_on) const { return "continue"; }
    std::string_view operator()(filter::accept) const { return "accept"; }
    std::string_view operator()(filter::reject) const { return "reject"; }
    std::string_view operator()(filter::temp_fail) const { return "temporary-failure"; }
    std::string_view operator()(filter::discard) const { return "discard"; }
    std::string_view operator()(filter::skip) const { return "skip"; }
    std::string_view operator()(filter::later) const { return "later"; }
    std::string_view operator()(wire::smtp_reply const&) const { return "reply"; }
};

} // namespace

void say(std::string_view line) {
    write(stdout, std::string(line) + "\n", "standard output");
}

bool said_everything() {
    return !failed;
}

std::string json_line(std::uint64_t session, std::string_view event, members all,
                      std::span<filter::macro_value const> macros) {
    json::object one;
    one["session"] = session;
    one["event"] = event;
    for (auto const& [key, value] : all)
        one[key] = as_utf8(value);
    if (!macros.empty()) {
        json::object told;
        for (auto const& macro : macros)
            told[as_utf8(macro.name)] = as_utf8(macro.value);
        one["macros"] = std::move(told);
    }
    return json::serialize(one);
}

void totals::answered(filter::body_answer const& what) {
    ++answers[std::string(std::visit(answer_word{}, what))];
}

void totals::print(bool as_json) const {
    auto const taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    std::initializer_list<std::pair<std::string_view, std::uint64_t>> const plain = {
        {"sessions", sessions}, {"messages", messages},         {"aborts", aborts},
        {"errors", errors},     {"header-bytes", header_bytes}, {"body-bytes", body_bytes}};
    if (as_json) {
        json::object one;
        one["event"] = "statistics";
        for (auto const& [key, value] : plain)
            one[key] = value;
        for (auto const& [key, counts] : {std::pair("received", &stages), std::pair("answers", &answers)}) {
            json::object each;
            for (auto const& [name, count] : *counts)
                each[name] = count;
            one[key] = std::move(each);
        }
        one["elapsed-seconds"] = taken;
        return say(json::serialize(one));
    }
    say("statistics:");
    for (auto const& [key, value] : plain)
        say(fmt::format("  {}: {}", key, value));
    for (auto const& [name, count] : stages)
        say(fmt::format("  received {}: {}", name, count));
    for (auto const& [name, count] : answers)
        say(fmt::format("  answered {}: {}", name, count));
    say(fmt::format("  elapsed-time: {:.3f} seconds", taken));
}

tl::expected<void, std::string> open_record(std::string const& path) {
    record = std::fopen(path.c_str(), "we");
    if (record) return {};
    return tl::unexpected(
        fmt::format("failed to open file to record to: {}: {}", path, std::strerror(errno)));
}

void recording::command(wire::command const& one) {
    if (!record || cut_) return;
    lines_ += "mta " + wire::whole_words_of(one) + "\n";
    cut_ = lines_.size() > longest_recording;
    if (cut_) lines_ += "# the rest of this session was left out\n";
}

// As an MTA sends them: names of more than one letter in braces.
void recording::macros(char stage, std::span<filter::macro_value const> all) {
    if (!record || all.empty()) return;
    std::string pairs;
    for (auto const& one : all) {
        wire::append_string(pairs,
                            one.name.size() > 1 ? "{" + std::string(one.name) + "}" : std::string(one.name));
        wire::append_string(pairs, one.value);
    }
    command(wire::macros{stage, wire::strings(pairs)});
}

void recording::write(std::uint64_t session) {
    if (record && !lines_.empty())
        test_client::write(record, fmt::format("# session {}\nmta connects\n{}\n", session, lines_),
                           "the record");
    lines_.clear();
    cut_ = false;
}

} // namespace milter::tools::test_client
