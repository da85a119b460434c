// The command line of a tool: CLI11 with the habits of these programs. "--x=" is an empty value, a value may
// begin with "-", what is unknown names its nearest neighbour, errors go to stderr and end with status 1.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

namespace milter::tools {

// A complaint about the command line, complete as it is.
class bad_argument : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class arguments {
public:
    // Gives the program --help (and -?) and --version.
    arguments(std::string description, std::string program, std::string version_text);

    using taker = std::function<void(std::string const&)>;

    void flag(std::string const& names, bool& into, std::string const& help);
    void text(std::string const& names, std::string& into, std::string const& help);
    // May be given several times; called for each value in their order.
    void each(std::string const& names, taker take, std::string const& help);
    // Positive seconds with a fraction; nothing for zero and negative ones.
    void seconds(std::string const& names, std::optional<std::chrono::milliseconds>& into,
                 std::string const& help);
    void number(std::string const& names, unsigned& into, std::string const& help);
    // Without a value; called once when it is there.
    void action(std::string const& names, std::function<void()> what, std::string const& help);

    CLI::App& app() { return app_; }
    // Nothing when the program is to go on, else its exit status. Arguments that are no options are ignored.
    std::optional<int> parse(int count, char const* const* values);

private:
    std::optional<std::string> unknown() const;

    CLI::App app_;
    std::string version_text_;
    bool version_ = false;
};

// The one of `known` that is most like it, if one is.
std::string nearest_word(std::string const& asked, std::vector<std::string> const& known);
// The seconds of "2.5"; the error quotes the text and the option.
std::chrono::milliseconds seconds_of(std::string const& text, std::string const& option);

} // namespace milter::tools
