#include "tools/script/script.hpp"

#include "wire/command.hpp"
#include "wire/words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>

namespace milter::tools::script {

namespace {

constexpr std::size_t largest_file = 64 * 1024 * 1024;
constexpr std::size_t quoted_of_line = 200;

using problem = tl::unexpected<std::string>;
using result = tl::expected<void, std::string>;

// "1s", "250ms"
std::optional<std::chrono::milliseconds> duration_of(std::string_view text) {
    std::uint32_t value = 0;
    auto const end = text.data() + text.size();
    auto const [rest, error] = std::from_chars(text.data(), end, value);
    std::string_view const unit(rest, static_cast<std::size_t>(end - rest));
    if (error != std::errc() || (unit != "s" && unit != "ms")) return std::nullopt;
    return unit == "s" ? std::chrono::seconds(value) : std::chrono::milliseconds(value);
}

bool is_connection(std::string_view who) {
    return who.starts_with("mta") && who.size() < 12 &&
           std::ranges::all_of(who.substr(3), [](char c) { return c >= '0' && c <= '9'; });
}

class reader {
public:
    explicit reader(screenplay& into) : into_(into) {}

    result line(std::string_view text) {
        ++number_;
        if (text.ends_with('\r')) text.remove_suffix(1);
        if (in_block_ && !text.empty()) return block_line(text);
        in_block_ = false;
        if (text.empty() || text.front() == '#') return {};
        if (text == "----") {
            in_block_ = true;
            return {};
        }
        auto const whole = text;
        auto const who = wire::take_word(text);
        if (who == "expect") return expects(text);
        if (who == "pass") return pause(text);
        if (is_connection(who)) return does(who, text);
        return problem(fmt::format("neither `mta ...`, `expect ...`, `pass TIME` nor a comment: {}",
                                   wire::quoted(whole.substr(0, quoted_of_line))));
    }

private:
    // Behind ----: what the MTA is told, as scenarios print it.
    result block_line(std::string_view text) {
        auto const who = wire::take_word(text);
        if (into_.steps.empty()) return problem("nothing was done yet that could have an answer");
        auto const& last = into_.steps.back();
        if (who == last.who + ":" && text == "closed") return expects("closed");
        if (who != last.who || wire::take_word(text) != "<-")
            return problem(
                fmt::format("behind ---- each line says what the last one is told: `{} <- ...`", last.who));
        return expects(text);
    }

    result expects(std::string_view text) {
        if (into_.steps.empty() || into_.steps.back().who.empty())
            return problem("`expect` has to follow what the MTA does");
        auto const kind = into_.steps.back().what;
        bool const answered = kind == step::kind::says || kind == step::kind::rest;
        if (kind == step::kind::closes || kind == step::kind::half || (!answered && text != "closed"))
            return problem(fmt::format("nothing is answered to `{}`", into_.steps.back().words));
        expectation one{number_, expectation::how::exactly, std::string(text)};
        if (text == "any")
            one.is = expectation::how::anything;
        else if (text == "closed")
            one.is = expectation::how::closed;
        else if (text.starts_with("like "))
            one = {number_, expectation::how::like, std::string(text.substr(5))};
        else if (std::string packet; auto const read = wire::write_reply(text, packet))
            ;
        else
            return problem(fmt::format("`expect` takes what a milter can say: {}", read.error()));
        into_.steps.back().expected.push_back(std::move(one));
        return {};
    }

    result pause(std::string_view text) {
        auto const time = duration_of(text);
        if (!time) return problem(fmt::format("not a time like 2s or 250ms: {}", text));
        auto& one = add("", "pass", step::kind::pause);
        one.time = *time;
        return {};
    }

    result does(std::string_view who, std::string_view text) {
        auto const words = text;
        bool const whole = halves_.erase(std::string(who)) == 0;
        if (text == "connects") return add(who, words, step::kind::connects), result();
        if (text == "closes") return add(who, words, step::kind::closes), result();
        if (text == "rest" && whole) return problem("there is no half packet of which this were the rest");
        if (text == "rest") return add(who, words, step::kind::rest), result();
        if (!whole) return problem("half a packet is sent: `rest` has to come first");
        auto how = step::kind::says;
        if (text.starts_with("half ")) {
            how = step::kind::half;
            wire::take_word(text);
        }
        if (how == step::kind::half) halves_.emplace(who);
        std::string packets;
        if (auto const written = wire::write_command(in_full(text), packets); !written)
            return problem(written.error());
        auto& one = add(who, words, how);
        one.as_it_is = text.starts_with("raw ");
        one.code = packets.at(4);
        one.packets = std::move(packets);
        return {};
    }

    static std::string_view in_full(std::string_view text) {
        if (text == "offer") return "offer v6 actions=all steps=all";
        if (text == "rset") return "abort"; // what SMTP's RSET is for a milter
        if (text == "eom") return "end-of-message";
        return text;
    }

    step& add(std::string_view who, std::string_view words, step::kind what) {
        auto& one = into_.steps.emplace_back();
        one.line = number_;
        one.what = what;
        one.who = who;
        one.words = words;
        return one;
    }

    screenplay& into_;
    std::set<std::string> halves_; // connections with half a packet
    std::size_t number_ = 0;
    bool in_block_ = false;
};

} // namespace

tl::expected<screenplay, std::string> parse(std::string_view text, std::string name) {
    screenplay found{std::move(name), {}};
    reader lines(found);
    std::size_t number = 0;
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        ++number;
        if (auto const read = lines.line(text.substr(0, end)); !read)
            return problem(fmt::format("{}:{}: {}", found.name, number, read.error()));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (found.steps.empty()) return problem(fmt::format("{}:1: nothing is done in it", found.name));
    return found;
}

tl::expected<screenplay, std::string> read(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text;
    if (file) {
        for (std::array<char, 65536> some; file && text.size() <= largest_file;) {
            file.read(some.data(), some.size());
            text.append(some.data(), static_cast<std::size_t>(file.gcount()));
        }
    }
    if (!file.is_open() || file.bad())
        return problem(fmt::format("{}: {}", path, std::generic_category().message(errno)));
    if (text.size() > largest_file) return problem(path + ": a script has at most 64 MiB");
    return parse(text, path);
}

} // namespace milter::tools::script
