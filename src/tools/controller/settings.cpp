#include "tools/controller/settings.hpp"

#include "tools/arguments.hpp"
#include "tools/console.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace milter::tools::controller {

namespace {

namespace json = boost::json;

struct sub_command {
    std::string_view name;
    controller::task task;
    char const* help;
};

constexpr sub_command table[] = {
    {"status", task::status, "Show the process and each milter: state, what it said, failures, latency"},
    {"sessions", task::sessions, "Show the running sessions, and what each waits for"},
    {"explain", task::explain, "Show what became of a recent message, and why each milter was asked or not"},
    {"reload", task::reload, "Load the configuration again, and wait until it is in force"},
    {"stop", task::stop, "End the manager: sessions in flight may finish"},
    {"log-level", task::log_level, "Show the log level, or set it until the next reload"},
    {"disable", task::disable, "Leave a milter out of new sessions until the next reload"},
    {"enable", task::enable, "Take a milter that was disabled in again"},
    {"configuration", task::configuration, "Print the configuration in force, as --show-config does"},
    {"ping", task::ping, "See whether the manager answers"},
    {"version", task::version, "Print the version of the manager that runs"},
    {"top", task::top, "Show a live table of all milters; q ends it"},
};

class command_line {
public:
    command_line();
    parsed read(int count, char const* const* words);

private:
    void add(sub_command const& one);
    std::string unknown_word() const;
    void finish(sub_command const& chosen, settings& into) const;

    CLI::App app_{"Asks a running milter-manager, and tells it what to do.", "milter-manager-controller"};
    std::string where_ = MILTER_CONTROLLER_SPEC;
    bool json_ = false;
    bool version_ = false;
    std::string timeout_;
    std::string child_;
    std::string level_;
    std::string message_;
    bool now_ = false;
    unsigned limit_ = 0;
    std::string interval_;
    bool once_ = false;
};

command_line::command_line() {
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.add_flag("--version", version_, "Print the version of this program and exit");
    app_.add_option("-s,--connection-spec", where_, "Where the manager's controller.connection_spec is")
        ->option_text("SPEC [" + where_ + "]");
    app_.add_flag("--json", json_, "Print the manager's answer as it comes, one line of JSON");
    app_.add_option("--timeout", timeout_, "How long to wait for an answer, in seconds")
        ->option_text("SECONDS [120]");
    app_.fallthrough();
    for (auto const& one : table)
        add(one);
    app_.allow_extras(); // they are complained about here, with the nearest word
}

void command_line::add(sub_command const& one) {
    auto* const sub = app_.add_subcommand(std::string(one.name), one.help);
    switch (one.task) {
    case task::disable:
    case task::enable:
        sub->add_option("CHILD", child_, "The name of the milter")->required()->option_text(" ");
        break;
    case task::explain:
        sub->add_option("ID", message_, "The queue id, or the number of the session in the log")
            ->required()
            ->option_text(" ");
        break;
    case task::log_level:
        sub->add_option("LEVEL", level_, "E.g. \"all\", or \"+debug\" to add one")->option_text(" ");
        break;
    case task::stop:
        sub->add_flag("--now", now_, "Do not wait for sessions in flight: they get a temporary failure");
        break;
    case task::sessions:
        sub->add_option("--limit", limit_, "Show so many, the oldest")
            ->check(CLI::PositiveNumber)
            ->option_text("N [1000]");
        break;
    case task::top:
        sub->add_option("--interval", interval_, "Between two looks, in seconds")->option_text("SECONDS [2]");
        sub->add_flag("--once", once_, "Print one table and end");
        break;
    default:
        break;
    }
    sub->allow_extras();
}

// "" when every word was understood.
std::string command_line::unknown_word() const {
    auto extras = app_.remaining(true);
    std::erase(extras, "--");
    if (extras.empty()) return {};
    auto const& word = extras.front();
    std::vector<std::string> known;
    bool const is_option = word.starts_with("-");
    auto const options_of = [&](CLI::App const& app) {
        for (auto const* option : app.get_options())
            for (auto const& name : option->get_lnames())
                known.push_back("--" + name);
    };
    if (is_option) {
        options_of(app_);
        for (auto const* sub : app_.get_subcommands())
            options_of(*sub);
    } else if (app_.get_subcommands().empty()) {
        for (auto const& one : table)
            known.emplace_back(one.name);
    } else {
        return fmt::format("{} has no argument \"{}\"", app_.get_subcommands().front()->get_name(), word);
    }
    auto const asked = word.substr(0, word.find('='));
    auto const nearest = nearest_word(asked, known);
    return fmt::format("Unknown {} {}{}", is_option ? "option" : "command", asked,
                       nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest));
}

void command_line::finish(sub_command const& chosen, settings& into) const {
    into.task = chosen.task;
    into.json = json_;
    into.once = once_;
    if (!timeout_.empty()) into.timeout = seconds_of(timeout_, "--timeout");
    if (!interval_.empty()) into.interval = seconds_of(interval_, "--interval");
    if (into.timeout.count() <= 0) throw bad_argument("--timeout must be more than 0");
    if (into.interval < std::chrono::milliseconds(100)) throw bad_argument("--interval must be 0.1 or more");
    auto const where = wire::endpoint::parse(where_);
    if (!where) throw bad_argument("--connection-spec: " + where.error());
    into.where = *where;
    auto const asks = chosen.task == task::top ? std::string_view("status") : chosen.name;
    into.request["command"] = json::string_view(asks.data(), asks.size());
    if (!child_.empty()) into.request["child"] = child_;
    if (!message_.empty()) into.request["message"] = message_;
    if (!level_.empty()) into.request["level"] = level_;
    if (now_) into.request["now"] = true;
    if (limit_ > 0) into.request["limit"] = limit_;
}

parsed command_line::read(int count, char const* const* words) {
    parsed result;
    try {
        app_.parse(count, words);
        if (version_) {
            return {print_or_complain("milter-manager-controller " MILTER_VERSION "\n", app_.get_name())};
        }
        if (auto const complaint = unknown_word(); !complaint.empty()) throw bad_argument(complaint);
        auto const chosen = app_.get_subcommands();
        if (chosen.size() != 1)
            throw bad_argument(chosen.empty() ? "A command is missing; --help shows them"
                                              : "One command at a time");
        auto const found = std::find_if(std::begin(table), std::end(table),
                                        [&](auto const& one) { return one.name == chosen[0]->get_name(); });
        finish(*found, result.values);
    } catch (CLI::CallForHelp const&) {
        return {print_or_complain(app_.help(), app_.get_name())};
    } catch (CLI::Error const& complaint) {
        print_error("milter-manager-controller: {}\n", complaint.what());
        return {usage};
    } catch (bad_argument const& complaint) {
        print_error("milter-manager-controller: {}\n", complaint.what());
        return {usage};
    }
    return result;
}

} // namespace

parsed parse(int count, char const* const* words) {
    return command_line().read(count, words);
}

} // namespace milter::tools::controller
