#include "proxy/ruby_workers.hpp"

#include "io/deadline.hpp"
#include "io/line.hpp"
#include "observe/text.hpp"

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace milter::proxy {

namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using observe::level;

constexpr std::size_t most_from_worker = 1024 * 1024; // payload bytes of one answer
constexpr std::chrono::milliseconds pause{1'000};     // after a worker that has not answered anything

constexpr char question_code = 'Q';
constexpr char answer_code = 'A';
constexpr char note_code = 'L';

// A question on its way.
struct job {
    ruby_question asked;
    clock::time_point begun;
    std::size_t done = 0; // items
    ruby_answer so_far;

    core::question::item const& at_work() const { return asked.what->items[done]; }
    // A question of nobody's session.
    bool is_chore() const { return !asked.told; }
    bool finished() const { return done == asked.what->items.size(); }
    std::string const& place() const { return asked.rules->questions.at(at_work().question).where; }
    // The block that a worker was at gives no answer.
    void fail(std::string const& why, bool late) {
        so_far.failures.push_back({at_work().child, fmt::format("{} ({})", why, place()), late});
        so_far.answers.push_back({at_work().child, at_work().question, core::truth::failed, false, {}});
        ++done;
    }
};

// What it calls otherwise is a warning.
level level_named(std::string_view name) {
    for (auto const one :
         {level::critical, level::error, level::message, level::info, level::debug, level::trace})
        if (observe::level_name(one) == name) return one;
    return level::warning;
}

} // namespace

// Everything on its own thread but ask().
class ruby_workers::desk {
public:
    desk(ruby_process parent, settings with, observe::log& log)
        : with_(with), log_(log),
          parent_(context_, std::move(parent), log,
                  {[this](std::uint32_t worker, std::string const& how) { ended(worker, how); },
                   [this] { gone(); }}),
          deadlines_(context_, [this](io::deadlines::key which) { passed(which); }) {
        prepare_chore();
        if (with_.dropped_root) parent_.become_as_we_are();
        for (unsigned i = 0; i < with_.processes; ++i) {
            seats_.push_back(std::make_unique<seat>(*this, i));
            begin(*seats_.back());
        }
        thread_ = std::thread([this] { context_.run(); });
    }
    ~desk() {
        asio::post(context_, [this] {
            deadlines_.stop();
            for (auto const& one : seats_)
                if (one->line) one->line->close();
            parent_.close();
            busy_.reset();
        });
        thread_.join();
    }

    void ask(ruby_question what) {
        asio::post(context_, [this, what = std::move(what)]() mutable { take(std::move(what)); });
    }
    void maintain() {
        if (with_.maintained.empty()) return;
        asio::post(context_, [this] {
            for (auto const& one : seats_)
                one->has_chore = true;
            hand_out();
        });
    }

    void when_gone(std::function<void()> tell) {
        asio::post(context_, [this, tell = std::move(tell)]() mutable {
            tell_gone_ = std::move(tell);
            if (parent_gone_) std::exchange(tell_gone_, nullptr)();
        });
    }

private:
    // The place of one worker process; its number changes with each new process.
    struct seat final : io::line_user {
        seat(desk& of, io::deadlines::key i) : owner(of), index(i) {}
        void on_frame(io::line&, wire::frame const& packet) override { owner.said(*this, packet); }
        // How it has ended is said by the parent.
        void on_lost(io::line&, io::lost, std::string const&) override { owner.parent_.end(worker); }
        bool free() const { return worker != 0 && !at && line->is_open(); }

        desk& owner;
        io::deadlines::key index;
        std::uint32_t worker = 0; // 0: none now
        std::shared_ptr<io::line> line;
        std::unique_ptr<job> at;
        bool has_answered = false;
        bool has_chore = false;
    };

    void prepare_chore();
    void begin(seat& one);
    void take(ruby_question what);
    void hand_out();
    void give(seat& one, std::unique_ptr<job> next);
    void said(seat& one, wire::frame const& packet);
    void answered(seat& one, std::string_view payload);
    void note(std::string_view payload);
    void passed(io::deadlines::key which);
    void lost(seat& one, std::string const& how, bool late = false);
    void ended(std::uint32_t worker, std::string const& how);
    void gone();
    void finish(std::unique_ptr<job> over);

    settings with_;
    observe::log& log_;
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy_{context_.get_executor()};
    ruby_parent parent_;
    io::deadlines deadlines_; // a seat's index: of its block, or until it gets a new worker
    std::vector<std::unique_ptr<seat>> seats_;
    std::deque<std::unique_ptr<job>> waiting_;
    std::shared_ptr<core::question const> chore_;
    std::shared_ptr<core::policy const> chore_rules_;
    std::shared_ptr<void> const nobody_ = std::make_shared<int>(); // who asks for chores
    std::uint32_t last_worker_ = 0;
    bool parent_gone_ = false;
    std::function<void()> tell_gone_;
    bool full_ = false;
    std::thread thread_;
};

// The hooks as the items of a question, so that they go the way of the blocks of conditions.
void ruby_workers::desk::prepare_chore() {
    auto rules = std::make_shared<core::policy>();
    rules->questions = with_.maintained;
    rules->children.resize(1);
    rules->children[0].name = "manager.maintained";
    auto what = std::make_shared<core::question>();
    for (std::uint32_t i = 0; i < rules->questions.size(); ++i)
        what->items.push_back({0, i, {}});
    chore_rules_ = std::move(rules);
    chore_ = std::move(what);
}

void ruby_workers::desk::begin(seat& one) {
    auto socket = parent_gone_ ? io::descriptor() : parent_.start(++last_worker_);
    if (!socket) return deadlines_.arm(one.index, pause);
    one.worker = last_worker_;
    one.has_answered = false;
    one.line = std::make_shared<io::line>(context_, one, most_from_worker);
    one.line->attach(std::move(socket));
    hand_out();
}

void ruby_workers::desk::take(ruby_question what) {
    auto fresh = std::make_unique<job>();
    fresh->asked = std::move(what);
    fresh->begun = clock::now();
    bool const too_many = waiting_.size() >= with_.most_waiting;
    if (too_many && !std::exchange(full_, true))
        log_.event(level::warning, "questions_refused", {{"limit", std::to_string(with_.most_waiting)}},
                   "conditions that ask Ruby do not stop their milters now; raise manager.n_ruby_workers");
    if (too_many || parent_gone_) return finish(std::move(fresh));
    waiting_.push_back(std::move(fresh));
    hand_out();
}

void ruby_workers::desk::hand_out() {
    for (auto const& one : seats_) {
        if (one->free() && std::exchange(one->has_chore, false)) {
            auto chore = std::make_unique<job>();
            chore->asked.what = chore_;
            chore->asked.rules = chore_rules_;
            chore->asked.asker = nobody_;
            give(*one, std::move(chore));
        }
        while (one->free() && !waiting_.empty()) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            if (waiting_.empty()) full_ = false;
            // Its session has given up by then, too.
            bool const late = clock::now() - next->begun >= with_.timeout;
            if (next->asked.asker.expired()) continue;
            if (late)
                finish(std::move(next));
            else
                give(*one, std::move(next));
        }
    }
}

void ruby_workers::desk::give(seat& one, std::unique_ptr<job> next) {
    one.at = std::move(next);
    auto const& asked = one.at->asked;
    auto const text = question_text(*asked.what, *asked.rules, asked.more, one.at->done);
    auto& queue = one.line->queue();
    wire::append_frame_head(queue, question_code, text.size());
    queue += text;
    deadlines_.arm(one.index, with_.timeout);
    one.line->flush();
}

void ruby_workers::desk::said(seat& one, wire::frame const& packet) {
    if (packet.code == note_code) return note(packet.payload);
    if (packet.code == answer_code && one.at) return answered(one, packet.payload);
    lost(one, "said something that it was not asked");
}

void ruby_workers::desk::answered(seat& one, std::string_view payload) {
    auto read = parse_answer(payload);
    if (!read) return lost(one, "its answer " + read.error());
    auto& now = *one.at;
    one.has_answered = true;
    auto const& item = now.at_work();
    if (!read->error.empty()) now.so_far.failures.push_back({item.child, std::move(read->error), false});
    change(now.asked.more.shelf, read->shelf);
    for (auto& [key, value] : read->shelf)
        now.so_far.shelf.insert_or_assign(key, std::move(value));
    now.so_far.answers.push_back(
        {item.child, item.question, read->says, read->wants_results, std::move(read->macros)});
    ++now.done;
    if (!now.finished()) return deadlines_.arm(one.index, with_.timeout);
    deadlines_.disarm(one.index);
    finish(std::move(one.at));
    hand_out();
}

void ruby_workers::desk::note(std::string_view payload) {
    auto const read = parse_note(payload);
    if (!read) return;
    auto const at = level_named(read->level);
    if (read->level == "statistics") return log_.statistics(read->text);
    log_.event(at, "configuration_says", {}, read->text);
}

void ruby_workers::desk::passed(io::deadlines::key which) {
    auto& one = *seats_[which];
    if (one.worker == 0) return begin(one);
    lost(one, fmt::format("did not answer within {} ms", with_.timeout.count()), true);
}

void ruby_workers::desk::lost(seat& one, std::string const& how, bool late) {
    if (one.worker == 0) return;
    auto const was = std::exchange(one.worker, 0);
    one.line->discard();
    deadlines_.disarm(one.index);
    parent_.end(was);
    std::vector<observe::field> fields{{"worker", std::to_string(was)}};
    if (one.at) {
        fields.push_back({"path", one.at->place()});
        fields.push_back({"child", one.at->asked.rules->children.at(one.at->at_work().child).name});
    }
    log_.event(level::warning, "ruby_worker_replaced", fields, how);
    bool const works = one.has_answered || one.at;
    if (auto now = std::move(one.at)) {
        now->fail("the Ruby worker " + how, late);
        if (now->finished())
            finish(std::move(now));
        else
            waiting_.push_front(std::move(now)); // the other blocks are not to blame
    }
    if (works)
        begin(one);
    else
        deadlines_.arm(one.index, pause);
}

void ruby_workers::desk::ended(std::uint32_t worker, std::string const& how) {
    for (auto const& one : seats_)
        if (one->worker == worker) return lost(*one, "ended: " + how);
}

void ruby_workers::desk::gone() {
    if (std::exchange(parent_gone_, true)) return;
    log_.event(level::error, "ruby_parent_gone", {},
               "conditions that ask Ruby do not stop their milters until the configuration is loaded again");
    if (tell_gone_) std::exchange(tell_gone_, nullptr)();
    for (auto& one : std::exchange(waiting_, {}))
        finish(std::move(one));
}

void ruby_workers::desk::finish(std::unique_ptr<job> over) {
    auto& asked = over->asked;
    for (auto const& one : over->so_far.failures)
        if (over->is_chore()) log_.event(level::warning, "hook_failed", {{"error", one.text}});
    if (asked.asker.expired() || over->is_chore()) return;
    asio::post(*asked.back, [back = asked.back, told = std::move(asked.told), all = std::move(over->so_far)] {
        told(all);
    });
}

ruby_workers::ruby_workers(ruby_process parent, settings with, observe::log& log)
    : desk_(std::make_unique<desk>(std::move(parent), with, log)) {}

ruby_workers::~ruby_workers() = default;

void ruby_workers::maintain() {
    desk_->maintain();
}

void ruby_workers::when_gone(std::function<void()> gone) {
    desk_->when_gone(std::move(gone));
}

void ruby_workers::ask(ruby_question what) {
    desk_->ask(std::move(what));
}

} // namespace milter::proxy
