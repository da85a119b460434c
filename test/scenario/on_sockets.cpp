// Runs scenario files against the real daemon: on_sockets MILTER_MANAGER FILE... This program plays the MTA
// and the children on unix sockets; what each step must bring about is asked of the stage in memory, and
// every packet and every close of it must come over the sockets, in order for each peer, and nothing else.
#include "support/daemon_process.hpp"
#include "support/memory_stage.hpp"
#include "support/socket_peer.hpp"
#include "support/words.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

using namespace milter;
using std::chrono::milliseconds;
using test::socket_peer;

std::string seconds(core::milliseconds time) {
    return std::to_string(static_cast<double>(time.count()) / 1000.0);
}

std::string extra_macros(core::stage_macros const& by_stage) {
    constexpr std::array words{"connect", "helo",           "envelope-from", "envelope-recipient",
                               "data",    "end-of-message", "end-of-header"};
    std::string text;
    for (auto const& [at, names] : by_stage) {
        text += text.empty() ? "" : ", ";
        text += std::string("\"") + words.at(static_cast<std::size_t>(at)) + "\" => \"";
        for (auto const& name : names)
            text += name + " ";
        text += "\"";
    }
    return "  milter.extra_macros = {" + text + "}\n";
}

// The cast as a configuration.
std::string configuration(test::cast const& of, std::string const& directory) {
    auto const& rules = of.rules;
    std::string text = "security.effective_user = \"" + std::to_string(::getuid()) +
                       "\"\n"
                       "log.use_syslog = false\nmanager.pid_file = nil\nmanager.n_workers = 2\n"
                       "manager.custom_configuration_directory = \"" +
                       directory +
                       "\"\n"
                       "manager.unix_socket_group = nil\n"
                       "manager.connection_spec = \"unix:" +
                       directory + "/manager.sock\"\n";
    auto const set = [&](std::string_view name, std::string const& value) {
        text.append("manager.").append(name).append(" = ").append(value).append("\n");
    };
    set("mta", rules.mta == core::mta_kind::postfix    ? "\"postfix\""
               : rules.mta == core::mta_kind::sendmail ? "\"sendmail\""
               : rules.mta == core::mta_kind::generic  ? "\"generic\""
                                                       : "\"auto\"");
    set("negotiation_timeout", seconds(rules.negotiation_timeout));
    set("command_timeout", seconds(rules.command_timeout));
    set("end_of_message_timeout", seconds(rules.end_of_message_timeout));
    set("progress_interval", seconds(rules.progress_interval));
    set("chunk_size", std::to_string(rules.chunk_size));
    set("quarantine_stops_chain", rules.quarantine_stops_chain ? "true" : "false");
    set("max_recipients", std::to_string(rules.limits.max_recipients));
    set("max_headers", std::to_string(rules.limits.max_headers));
    set("max_edits", std::to_string(rules.limits.max_edits));
    for (auto const& child : rules.children) {
        text += "define_milter(\"" + child.name + "\") do |milter|\n";
        text += "  milter.connection_spec = \"unix:" + directory + "/" + child.name + ".sock\"\n";
        text += "  milter.fallback_status = \"" + std::string(core::name_of(child.on_failure)) + "\"\n";
        text +=
            std::string("  milter.evaluation_mode = ") + (child.evaluation_mode ? "true" : "false") + "\n";
        text += std::string("  milter.early_feed = ") + (child.early_feed ? "true" : "false") + "\n";
        text += std::string("  milter.retry_next_message = ") +
                (child.retry_next_message ? "true" : "false") + "\n";
        text += std::string("  milter.exact_connect = ") + (child.exact_connect ? "true" : "false") + "\n";
        text += std::string("  milter.parallel_mail = ") + (child.parallel_mail ? "true" : "false") + "\n";
        text += extra_macros(child.extra_macros);
        if (child.parallel_group) text += "  milter.parallel_group = \"" + *child.parallel_group + "\"\n";
        text += "  milter.reading_timeout = " + seconds(child.reading_timeout) + "\n";
        text += "  milter.end_of_message_timeout = " + seconds(child.end_of_message_timeout) + "\nend\n";
    }
    return text;
}

class socket_stage {
public:
    socket_stage(std::string program, std::string directory)
        : program_(std::move(program)), directory_(std::move(directory)) {}

    // "" or what went wrong.
    std::string perform(std::string const& step) {
        auto const expected = memory_.perform(step);
        if (!expected) return expected.error();
        std::string_view rest = step;
        auto const who = test::take_word(rest);
        if (who == "children" || who == "policy") return "";
        milliseconds patience{20'000};
        std::string wrong;
        if (who == "start") {
            wrong = start(rest.empty() ? "offer v6 actions=all steps=all" : rest);
        } else if (who == "pass") {
            // Time itself is the step here; what it brings about is awaited below.
            std::this_thread::sleep_for(test::read_duration(rest));
        } else if (who == "mta") {
            wrong = rest == "connects" ? begin() : say(*mta_, rest, true);
        } else {
            wrong = child_does(memory_.with().index_of(who), rest);
        }
        return wrong.empty() && who != "start" ? await(*expected, patience) : wrong;
    }

    std::string end() {
        if (!daemon_) return "the session never began";
        for (auto* const peer : all())
            if (auto const left = peer->surplus(); !left.empty())
                return peer->name() + " got as well: " + left;
        mta_.reset();
        children_.clear();
        auto const status = daemon_->stop();
        return status == 0 ? "" : "the daemon ended with status " + std::to_string(status);
    }
    std::string log() const { return daemon_ ? daemon_->log() : ""; }
    // Children that are to refuse connections never listen.
    void refusing(std::string_view child) { refusing_.emplace_back(child); }

private:
    std::vector<socket_peer*> all() {
        std::vector<socket_peer*> peers;
        if (mta_) peers.push_back(mta_.get());
        for (auto const& child : children_)
            peers.push_back(child.get());
        return peers;
    }

    std::string begin() {
        for (auto const& child : memory_.with().rules.children) {
            children_.push_back(std::make_unique<socket_peer>(child.name, false));
            bool const refuses = std::find(refusing_.begin(), refusing_.end(), child.name) != refusing_.end();
            if (!refuses && !children_.back()->listen(directory_ + "/" + child.name + ".sock"))
                return "cannot listen for " + child.name;
        }
        std::ofstream(directory_ + "/milter-manager.conf") << configuration(memory_.with(), directory_);
        daemon_ = std::make_unique<test::daemon_process>(program_, directory_);
        mta_ = std::make_unique<socket_peer>("mta", true);
        while (!mta_->connect(directory_ + "/manager.sock")) {
            if (!daemon_->is_running()) return "the daemon has ended: " + daemon_->log();
            ::usleep(10'000); // polls a condition, with the daemon's life as the limit
        }
        return "";
    }

    std::string start(std::string_view offer) {
        if (auto wrong = begin(); !wrong.empty()) return wrong;
        if (auto wrong = say(*mta_, offer, true); !wrong.empty()) return wrong;
        for (std::size_t i = 0; i < children_.size(); ++i) {
            if (auto wrong = child_does(i, "connects"); !wrong.empty()) return wrong;
            auto const offered = children_[i]->next(milliseconds(20'000));
            if (!offered.starts_with("offer")) return children_[i]->name() + " got no offer: " + offered;
            auto const& answer = memory_.with().answers[i];
            if (auto wrong = child_does(i, answer == "agree" ? "agree v6 actions=all" : answer);
                !wrong.empty())
                return wrong;
        }
        auto const agreed = mta_->next(milliseconds(20'000));
        return agreed.starts_with("agree") ? "" : "the MTA got no answer to its offer: " + agreed;
    }

    std::string child_does(std::size_t i, std::string_view what) {
        auto& child = *children_[i];
        if (what == "refuses") return "";
        if (what == "connects")
            return child.accept(milliseconds(20'000)) ? "" : child.name() + " is not connected";
        if (what == "closes") return child.close(), "";
        return say(child, what, false);
    }

    static std::string say(socket_peer& peer, std::string_view what, bool is_mta) {
        if (what == "closes") return peer.close(), "";
        std::string bytes;
        auto const written = is_mta ? test::write_command(what, bytes) : test::write_reply(what, bytes);
        if (!written) return written.error();
        return peer.write(bytes) ? "" : peer.name() + " cannot write";
    }

    // Every "PEER <- packet" and "PEER: closed" must come, in the order of each peer.
    std::string await(std::vector<std::string> const& lines, milliseconds patience) {
        for (auto const& line : lines)
            for (auto* const peer : all()) {
                if (line == peer->name() + ": closed") {
                    if (peer->is_open() && !peer->ends(patience)) return line + ": but it is not";
                } else if (line.starts_with(peer->name() + " <- ")) {
                    auto const came = peer->next(patience);
                    if (peer->name() + " <- " + came != line)
                        return "expected " + line + ", but there came " + came;
                }
            }
        return "";
    }

    std::string program_;
    std::string directory_;
    test::memory_stage memory_;
    std::unique_ptr<test::daemon_process> daemon_;
    std::unique_ptr<socket_peer> mta_;
    std::vector<std::unique_ptr<socket_peer>> children_;
    std::vector<std::string> refusing_;
};

std::string read_file(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool run(std::string const& program, std::string const& path) {
    char name[] = "/tmp/milter-scenario-XXXXXX";
    std::string const directory = ::mkdtemp(name);
    auto const blocks = test::read_blocks(read_file(path));
    std::string wrong = blocks.empty() ? "nothing in it" : "";
    std::size_t line = 1;
    {
        socket_stage stage(program, directory);
        for (auto const& block : blocks)
            for (auto const& step : block.steps)
                if (step.ends_with(" refuses")) stage.refusing(step.substr(0, step.find(' ')));
        for (auto const& block : blocks) {
            line = block.line;
            for (auto const& step : block.steps)
                if (wrong.empty()) {
                    wrong = stage.perform(step);
                    if (!wrong.empty()) wrong = "\"" + step + "\": " + wrong;
                }
            if (!wrong.empty()) break;
        }
        if (wrong.empty()) wrong = stage.end();
        if (!wrong.empty())
            std::printf("%s:%zu: %s\n%s\n", path.c_str(), line, wrong.c_str(), stage.log().c_str());
    }
    std::filesystem::remove_all(directory);
    return wrong.empty();
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::printf("usage: on_sockets MILTER_MANAGER FILE...\n"), 2;
    std::signal(SIGPIPE, SIG_IGN);
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // nothing unwritten is there when the daemon is forked
    int wrong = 0;
    for (int i = 2; i < argc; ++i)
        wrong += run(argv[1], argv[i]) ? 0 : 1;
    std::printf("%d scenarios on sockets, %d wrong\n", argc - 2, wrong);
    return wrong == 0 ? 0 : 1;
}
