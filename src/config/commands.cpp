#include "config/commands.hpp"

#include "config/command_words.hpp"
#include "config/inspect.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace milter::config {

namespace {

std::string place(milter const& of, std::string_view attribute) {
    for (auto const name : {attribute, std::string_view("define_milter")})
        if (auto const found = of.locations.find(name); found != of.locations.end()) return found->second;
    return "milter " + of.child.name;
}

} // namespace

std::vector<std::string> words_of_command(milter const& of) {
    auto words = command_words(of.command.value_or("")).value_or(std::vector<std::string>());
    if (words.empty()) return words;
    auto options = command_words(of.command_options.value_or("")).value_or(std::vector<std::string>());
    std::move(options.begin(), options.end(), std::back_inserter(words));
    return words;
}

std::vector<complaint> complaints_about_command(milter const& of) {
    std::vector<complaint> all;
    auto const judge = [&](std::string_view attribute, std::optional<std::string> const& text) {
        auto const words = command_words(text.value_or(""));
        if (!words)
            all.push_back({place(of, attribute),
                           fmt::format("define_milter({}): milter.{} is {}; it {}", inspect(of.child.name),
                                       attribute, inspect(*text), words.error())});
    };
    judge("command", of.command);
    judge("command_options", of.command_options);
    return all;
}

bool is_left_to_service_manager(milter const& one, snapshot const& in) {
    auto const said = one.locations.find("command");
    if (one.user_name || said == one.locations.end()) return false;
    return std::any_of(in.detection.begin(), in.detection.end(), [&](candidate const& found) {
        return found.name == one.child.name && found.location == said->second;
    });
}

} // namespace milter::config
