// A long life of the daemon in minutes: life MILTER_MANAGER. Many sessions at once in which children and MTAs
// fail in every way; then each session is judged, and the daemon must hold no more than in the beginning.
// MILTER_LIFE_SESSIONS, MILTER_LIFE_SEED and MILTER_SLOWNESS are taken from the environment.
#include "faults/life/child.hpp"
#include "faults/life/judge.hpp"
#include "faults/life/mta.hpp"
#include "support/daemon_process.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <unordered_map>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

namespace {

using namespace milter;
using namespace milter::life;
using std::chrono::steady_clock;

constexpr std::size_t at_a_time = 200;
// What is new after so many sessions is a leak; what an allocator keeps for them has been taken by then.
constexpr std::uint64_t warm_up_part = 5;          // of so many
constexpr std::size_t rss_may_grow_kib = 4 * 1024; // a leak of 100 bytes a session of 50,000 is more
constexpr std::uint64_t warm_enough = 5'000;
constexpr std::size_t complaints_shown = 20;

std::uint64_t number_from(char const* name, std::uint64_t otherwise) {
    char const* const text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What the daemon holds.
struct holding {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    std::size_t nameless_files = 0;
    std::size_t rss_kib = 0;
};
holding held_by(test::daemon_process const& daemon) {
    return {daemon.descriptors(), daemon.status("Threads"), daemon.nameless_files(), daemon.status("VmRSS")};
}

std::string seconds(milliseconds time) {
    return std::to_string(static_cast<double>(time.count()) / 1000.0);
}

// An address that no other process has; so a fixed port is free there.
std::string own_address() {
    auto const n = static_cast<unsigned>(::getpid());
    return "127." + std::to_string(100 + (n >> 16U) % 100) + "." + std::to_string(n >> 8U & 255U) + "." +
           std::to_string(n & 255U);
}

class whole_life {
public:
    whole_life(std::string const& program, std::uint64_t seed, std::uint64_t sessions, std::uint64_t slowness)
        : sessions_(sessions), slowness_(slowness), world_{context_, seed, milliseconds(2'000 * slowness),
                                                           milliseconds(10'000 * slowness)},
          manager_(*wire::endpoint::parse("inet:8025@" + own_address())) {
        char name[] = "/tmp/milter-life-XXXXXX";
        directory_ = ::mkdtemp(name);
        std::filesystem::create_directory(directory_ + "/spool");
        world_.book.resize(static_cast<std::size_t>(sessions));
        for (std::size_t i = 0; i < cast.size(); ++i) {
            auto const where =
                cast[i].on_tcp ? "inet:0@127.0.0.1" : "unix:" + directory_ + "/" + std::string(cast[i].name);
            children_.push_back(std::make_unique<child>(world_, i, *wire::endpoint::parse(where)));
        }
        configure();
        daemon_ = std::make_unique<test::daemon_process>(program, directory_);
    }
    ~whole_life() { std::filesystem::remove_all(directory_); }

    bool run() {
        if (!await("the daemon listens", [this] { return is_listening(); })) return false;
        auto const first = settled();
        auto const begun = steady_clock::now();
        bool whole = play(sessions_ / warm_up_part) && await_rest(first);
        auto const warm = held_by(*daemon_);
        whole = whole && play(sessions_) && await_rest(first);
        auto const last = held_by(*daemon_);
        auto const took = std::chrono::duration<double>(steady_clock::now() - begun).count();
        std::printf("%zu of %zu sessions in %.1f s\nthe daemon held first %s\n       warmed up %s\n"
                    "         at last %s\n",
                    ended_, static_cast<std::size_t>(sessions_), took, text(first).c_str(),
                    text(warm).c_str(), text(last).c_str());
        if (!whole) return false;
        check("descriptors are left over", last.descriptors == first.descriptors);
        check("threads are left over", last.threads == first.threads);
        check("temporary files are left over", last.nameless_files == first.nameless_files);
        check("the spool directory is not empty", std::filesystem::is_empty(directory_ + "/spool"));
        if (slowness_ > 1 || sessions_ / warm_up_part < warm_enough)
            std::printf("its memory is not judged: %s\n",
                        slowness_ > 1 ? "a sanitizer keeps what is freed" : "too few sessions");
        else
            check("its memory grew by more than " + std::to_string(rss_may_grow_kib) + " KiB",
                  last.rss_kib <= warm.rss_kib + rss_may_grow_kib);
        check_sessions();
        check("the daemon did not end well", daemon_->stop() == 0);
        check("a sanitizer complains", daemon_->log().find("Sanitizer") == std::string::npos);
        if (!good_) std::printf("the end of its log:\n%s\n", tail(daemon_->log()).c_str());
        return good_;
    }

private:
    static std::string text(holding const& what) {
        return std::to_string(what.descriptors) + " descriptors, " + std::to_string(what.threads) +
               " threads, " + std::to_string(what.nameless_files) + " nameless files, " +
               std::to_string(what.rss_kib) + " KiB";
    }
    static std::string tail(std::string const& of) {
        constexpr std::size_t most = 4'000;
        return of.size() < most ? of : of.substr(of.size() - most);
    }

    void check(std::string const& otherwise, bool fine) {
        if (fine) return;
        good_ = false;
        std::printf("WRONG: %s\n", otherwise.c_str());
    }

    void configure() const {
        auto const patience = seconds(world_.patience);
        auto const chain_patience = seconds(world_.patience * 4);
        std::ofstream out(directory_ + "/milter-manager.conf");
        out << "security.effective_user = \"" << ::getuid() << "\"\nlog.use_syslog = false\n"
            << "log.level = \"critical|error|warning\"\n"
            << "manager.pid_file = nil\nmanager.n_workers = 2\nmanager.max_file_descriptors = 0\n"
            << "manager.custom_configuration_directory = \"" << directory_ << "\"\n"
            << "manager.connection_spec = \"" << manager_.text() << "\"\n"
            << "manager.body_memory = 4000\nmanager.spool_directory = \"" << directory_ << "/spool\"\n"
            << "manager.offer_timeout = " << patience << "\nmanager.idle_timeout = " << chain_patience
            << "\nmanager.negotiation_timeout = " << chain_patience
            << "\nmanager.command_timeout = " << chain_patience
            << "\nmanager.end_of_message_timeout = " << chain_patience << "\n";
        for (std::size_t i = 0; i < cast.size(); ++i)
            out << "define_milter(\"" << cast[i].name << "\") do |milter|\n  milter.connection_spec = \""
                << children_[i]->endpoint() << "\"\n  milter.fallback_status = \"" << cast[i].fallback
                << "\"\n  milter.evaluation_mode = " << (cast[i].evaluation ? "true" : "false")
                << "\n  milter.retry_next_message = " << (cast[i].retried ? "true" : "false")
                << "\n  milter.reading_timeout = " << patience << "\n  milter.writing_timeout = " << patience
                << "\n  milter.end_of_message_timeout = " << patience << "\nend\n";
    }

    // The peers live on meanwhile.
    template <class Condition>
    bool await(std::string const& what, Condition fulfilled) {
        auto const until = steady_clock::now() + std::chrono::seconds(30) * slowness_;
        while (!fulfilled()) {
            if (steady_clock::now() > until || !daemon_->is_running()) {
                check("it does not come to pass: " + what, false);
                std::printf("%s\n", tail(daemon_->log()).c_str());
                return false;
            }
            context_.restart();
            context_.run_for(milliseconds(5));
        }
        return true;
    }
    bool await_rest(holding const& first) {
        return await("it holds as few descriptors as in the beginning", [&] {
            return daemon_->descriptors() == first.descriptors && world_.open_conversations == 0;
        });
    }

    bool is_listening() const {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(manager_.port);
        ::inet_pton(AF_INET, manager_.host.c_str(), &address.sin_addr);
        int const probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool const up = ::connect(probe, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0;
        ::close(probe);
        return up;
    }
    // When its threads have begun and the probe has gone.
    holding settled() {
        auto now = held_by(*daemon_);
        int same = 0;
        await("it comes to rest", [&] {
            auto const next = held_by(*daemon_);
            same = next.descriptors == now.descriptors && next.threads == now.threads ? same + 1 : 0;
            now = next;
            constexpr int often = 40;
            return same == often;
        });
        return now;
    }

    void begin_next() {
        auto one =
            std::make_unique<mta>(world_, plan_of(world_.seed, next_++), [this](mta& it) { ended(it); });
        auto& begun = *one;
        open_.emplace(&begun, std::move(one));
        begun.start(manager_);
    }
    void ended(mta& one) {
        ++ended_;
        asio::post(context_, [this, &one] {
            open_.erase(&one);
            if (next_ < until_)
                begin_next();
            else if (open_.empty())
                context_.stop();
        });
    }

    // Sessions up to that number; false when they do not end.
    bool play(std::uint64_t until) {
        until_ = until;
        while (next_ < until_ && open_.size() < at_a_time)
            begin_next();
        for (auto before = ended_; !open_.empty(); before = ended_) {
            context_.restart();
            context_.run_for(std::chrono::seconds(60) * slowness_);
            if (open_.empty() || ended_ > before) continue;
            check("sessions do not end", false);
            for (auto const& [key, one] : open_)
                std::printf("  %s: %s\n", one->what().text().c_str(), one->standing().c_str());
            return false;
        }
        return true;
    }

    void check_sessions() {
        auto judged = judge(world_);
        auto& wrong = judged.complaints;
        wrong.insert(wrong.end(), world_.wrong.begin(), world_.wrong.end());
        std::printf("%zu sessions judged to the letter, %zu by what may not be, %zu wrong\n", judged.exact,
                    judged.bounded, wrong.size());
        for (std::size_t i = 0; i < std::min(wrong.size(), complaints_shown); ++i)
            std::printf("  %s\n", wrong[i].c_str());
        check("sessions went wrong", wrong.empty());
        for (std::size_t i = 0; i < fault_names.size(); ++i)
            count("children", fault_names[i], world_.faults[i]);
        for (std::size_t i = 0; i < manner_names.size(); ++i)
            count("MTAs", manner_names[i], world_.manners[i]);
    }
    void count(char const* who, std::string_view what, std::size_t times) {
        std::printf("  %s: %s %zu\n", who, std::string(what).c_str(), times);
        check("that never happened", times > 0);
    }

    std::uint64_t sessions_;
    std::uint64_t slowness_;
    asio::io_context context_{1};
    world world_;
    wire::endpoint manager_;
    std::string directory_;
    std::vector<std::unique_ptr<child>> children_;
    std::unique_ptr<test::daemon_process> daemon_;
    std::unordered_map<mta*, std::unique_ptr<mta>> open_;
    std::uint64_t next_ = 0;
    std::uint64_t until_ = 0;
    std::size_t ended_ = 0;
    bool good_ = true;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::printf("usage: life MILTER_MANAGER\n"), 2;
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // nothing unwritten is there when the daemon is forked
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::random_device chance;
    auto const seed = number_from("MILTER_LIFE_SEED", chance());
    auto const sessions = number_from("MILTER_LIFE_SESSIONS", MILTER_LIFE_SESSIONS);
    std::printf("MILTER_LIFE_SEED=%llu MILTER_LIFE_SESSIONS=%llu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(sessions));
    return whole_life(argv[1], seed, sessions, number_from("MILTER_SLOWNESS", 1)).run() ? 0 : 1;
}
