#include "tools/arguments.hpp"
#include "tools/console.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace milter::tools {

namespace {

// "--envelope-from" of "-f,--envelope-from".
std::string long_name(std::string const& names) {
    auto const at = names.find("--");
    return at == std::string::npos ? names : names.substr(at, names.find(',', at) - at);
}

// How many letters must be added, left out or changed.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t column = 0; column <= b.size(); ++column)
        row[column] = column;
    for (std::size_t line = 1; line <= a.size(); ++line) {
        std::size_t diagonal = std::exchange(row[0], line);
        for (std::size_t column = 1; column <= b.size(); ++column) {
            auto const changed = diagonal + (a[line - 1] == b[column - 1] ? 0 : 1);
            diagonal = row[column];
            row[column] = std::min({changed, row[column] + 1, row[column - 1] + 1});
        }
    }
    return row.back();
}

CLI::Option* one_value_each(CLI::Option* option) {
    return option->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}

} // namespace

std::string nearest_word(std::string const& asked, std::vector<std::string> const& known) {
    std::string nearest;
    std::size_t best = std::max<std::size_t>(2, asked.size() / 3) + 1;
    for (auto const& one : known)
        if (auto const far = distance(asked, one); far < best) {
            best = far;
            nearest = one;
        }
    return nearest;
}

std::chrono::milliseconds seconds_of(std::string const& text, std::string const& option) {
    char* end = nullptr;
    double const value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value) || std::abs(value) > 1e9)
        throw bad_argument(fmt::format("Cannot parse double value “{}” for {}", text, option));
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(value * 1000)));
}

arguments::arguments(std::string description, std::string program, std::string version_text)
    : app_(std::move(description), std::move(program)), version_text_(std::move(version_text)) {
    app_.set_help_flag("-?,--help", "Print this help and exit");
    app_.add_flag("--version", version_, "Print the version and exit");
    app_.allow_extras();
}

void arguments::flag(std::string const& names, bool& into, std::string const& help) {
    app_.add_flag(names, into, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void arguments::each(std::string const& names, taker take, std::string const& help) {
    one_value_each(app_.add_option(
                       names,
                       [take = std::move(take)](CLI::results_t const& values) {
                           for (auto const& one : values)
                               take(one);
                           return true;
                       },
                       help))
        ->type_name("");
}

void arguments::text(std::string const& names, std::string& into, std::string const& help) {
    each(
        names, [&into](std::string const& one) { into = one; }, help);
}

void arguments::seconds(std::string const& names, std::optional<std::chrono::milliseconds>& into,
                        std::string const& help) {
    auto const name = long_name(names);
    each(
        names,
        [&into, name](std::string const& one) {
            auto const value = seconds_of(one, name);
            into = value.count() > 0 ? std::optional(value) : std::nullopt;
        },
        help);
}

void arguments::number(std::string const& names, unsigned& into, std::string const& help) {
    auto const name = long_name(names);
    each(
        names,
        [&into, name](std::string const& one) {
            auto const [end, failed] = std::from_chars(one.data(), one.data() + one.size(), into);
            if (failed != std::errc() || end != one.data() + one.size())
                throw bad_argument(fmt::format("Cannot parse integer value “{}” for {}", one, name));
        },
        help);
}

void arguments::action(std::string const& names, std::function<void()> what, std::string const& help) {
    app_.add_flag_callback(names, std::move(what), help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

std::optional<int> arguments::parse(int count, char const* const* values) {
    // CLI11 takes "--x=" for "--x" and then eats the next word. It wants the words in reverse.
    std::vector<std::string> words;
    for (int index = 1; index < count; ++index) {
        std::string word = values[index];
        if (word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1) {
            words.push_back(word.substr(0, word.size() - 1));
            words.emplace_back();
        } else {
            words.push_back(std::move(word));
        }
    }
    std::reverse(words.begin(), words.end());
    try {
        app_.parse(words);
        if (auto const complaint = unknown()) throw bad_argument(*complaint);
    } catch (bad_argument const& complaint) {
        print_error("{}\n", complaint.what());
        return 1;
    } catch (CLI::Success const&) {
        return print_or_complain(app_.help(), app_.get_name());
    } catch (CLI::Error const& complaint) {
        print_error("{}\n", complaint.what());
        return 1;
    }
    if (!version_) return std::nullopt;
    return print_or_complain(version_text_ + "\n", app_.get_name());
}

std::optional<std::string> arguments::unknown() const {
    for (auto const& word : app_.remaining()) {
        if (word.size() < 2 || word.front() != '-') continue;
        auto const asked = word.substr(0, word.find('='));
        std::vector<std::string> known;
        for (auto const* option : app_.get_options())
            for (auto const& name : option->get_lnames())
                known.push_back("--" + name);
        auto const nearest = nearest_word(asked, known);
        return fmt::format("Unknown option {}{}", asked,
                           nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest));
    }
    return std::nullopt;
}

} // namespace milter::tools
