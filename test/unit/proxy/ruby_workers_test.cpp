#include "proxy/ruby_workers.hpp"

#include "unit/proxy/one_child.hpp"

#include <array>
#include <cstring>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
namespace json = boost::json;

// The other end of one worker's socket.
class played_worker {
public:
    explicit played_worker(descriptor socket) : socket_(std::move(socket)) {}

    // The items of the question at hand, "child ..."; "" when there is none.
    std::string asked() {
        auto const bytes = socket_.read();
        auto const room = reader_.space(bytes.size() + 1);
        bytes.copy(room.data(), bytes.size());
        reader_.filled(bytes.size());
        auto const next = reader_.next();
        if (!next || !*next) return "";
        EXPECT_EQ((*next)->code, 'Q');
        question = json::parse(std::string((*next)->payload));
        std::string names;
        for (auto const& one : question.at("items").as_array())
            names += std::string(one.at("child").as_string()) + " ";
        return names;
    }
    void says(char code, std::string_view payload) {
        std::string bytes;
        wire::append_frame_head(bytes, code, payload.size());
        socket_.write(bytes.append(payload));
    }
    void answers(std::string_view payload) { says('A', payload); }
    bool closed() { return socket_.closed(); }
    void closes() { socket_.close(); }

    json::value question;

private:
    descriptor socket_;
    wire::frame_reader reader_{1 << 24};
};

class workers_that_run_blocks : public io::test::on_a_context {
protected:
    workers_that_run_blocks() {
        observe::log_settings settings;
        settings.path = folder / "log";
        settings.console = observe::levels::all();
        log = std::move(observe::log::open(settings).value());
        rules->children.resize(2);
        rules->children[0].name = "scan";
        rules->children[1].name = "grey";
        rules->questions = {{core::ruby_block{0}, "x.conf:5"}, {core::ruby_block{1}, "x.conf:6"}};
        with.timeout = std::chrono::hours(1);
    }
    void begin() {
        std::array<int, 2> pair{};
        std::array<int, 2> printed{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, printed.data()), 0);
        control = descriptor(pair[1]);
        prints = descriptor(printed[1]);
        auto const ended = [this](void*) { process_ended = true; };
        all =
            std::make_unique<ruby_workers>(ruby_process{std::shared_ptr<void>(&with, ended),
                                                        io::descriptor(printed[0]), io::descriptor(pair[0])},
                                           with, *log);
    }
    // The next line on the control, as the parent reads it; waits for it.
    json::value ordered() {
        std::string line;
        until([&] {
            char byte = 0;
            while (::recv(control.get(), &byte, 1, MSG_DONTWAIT) == 1 && byte != '\n')
                line += byte;
            return byte == '\n';
        });
        return line.empty() ? json::value() : json::parse(line);
    }
    std::unique_ptr<played_worker> started(int number) {
        EXPECT_EQ(ordered(), (json::object{{"start", number}}));
        int got = -1;
        until([&] {
            char byte = 0;
            iovec one{&byte, 1};
            alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
            msghdr message{};
            message.msg_iov = &one;
            message.msg_iovlen = 1;
            message.msg_control = room.data();
            message.msg_controllen = room.size();
            if (::recvmsg(control.get(), &message, MSG_DONTWAIT) != 1) return false;
            std::memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
            return true;
        });
        return std::make_unique<played_worker>(descriptor(got));
    }
    void parent_says(std::string const& line) { control.write(line + "\n"); }

    // of: the questions of "scan" or of "scan" and "grey".
    void ask(std::vector<core::question::item> items = {{0, 0, {}}}) {
        auto what = std::make_shared<core::question>();
        what->items = std::move(items);
        all->ask(
            {what, rules, more, session, back, [this](ruby_answer const& got) { answers.push_back(got); }});
    }
    void until_asked(played_worker& who, std::string const& items) {
        std::string seen;
        until([&] { return !(seen = who.asked()).empty(); });
        ASSERT_EQ(seen, items);
    }
    void until_answered(std::size_t count) {
        until([&] { return answers.size() >= count; });
    }
    std::string logged() const {
        std::ifstream file(folder / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    std::shared_ptr<core::policy> rules = std::make_shared<core::policy>();
    std::shared_ptr<io::asio::io_context> const back{std::shared_ptr<void>(), &context};
    std::shared_ptr<int> session = std::make_shared<int>(1);
    ruby_workers::settings with;
    at_hand more;
    descriptor control, prints;
    bool process_ended = false;
    std::vector<ruby_answer> answers;
    std::unique_ptr<ruby_workers> all;
};

TEST_F(workers_that_run_blocks, answer_item_by_item) {
    begin();
    auto const one = started(1);
    ask({{0, 0, {}}, {1, 1, {{"mark", "1"}}}});
    until_asked(*one, "scan grey ");
    one->answers(R"({"says": "yes"})");
    one->answers(R"({"says": "no", "macros": {"x": "y"}})");
    until_answered(1);
    ASSERT_THAT(answers[0].answers, SizeIs(2));
    EXPECT_EQ(answers[0].answers[0].says, core::truth::yes);
    EXPECT_EQ(answers[0].answers[1].child, 1U);
    EXPECT_EQ(answers[0].answers[1].question, 1U);
    EXPECT_THAT(answers[0].answers[1].macros, ElementsAre(std::pair<std::string, std::string>("x", "y")));
    EXPECT_THAT(answers[0].failures, IsEmpty());
}

TEST_F(workers_that_run_blocks, have_one_question_at_a_time_each) {
    with.processes = 2;
    begin();
    auto const one = started(1);
    auto const two = started(2);
    for (int i = 0; i < 3; ++i)
        ask();
    until_asked(*one, "scan ");
    until_asked(*two, "scan ");
    EXPECT_EQ(one->asked(), "");
    two->answers(R"({"says": "no"})");
    until_asked(*two, "scan ");
    EXPECT_EQ(one->asked(), "");
}

TEST_F(workers_that_run_blocks, say_which_block_raised) {
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    one->answers(R"j({"says": "failed", "error": "RuntimeError: boom (x.conf:5)"})j");
    until_answered(1);
    EXPECT_EQ(answers[0].answers.at(0).says, core::truth::failed);
    EXPECT_EQ(answers[0].failures.at(0).text, "RuntimeError: boom (x.conf:5)");
}

TEST_F(workers_that_run_blocks, are_replaced_when_they_hang) {
    with.timeout = std::chrono::milliseconds(50);
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    until_answered(1);
    EXPECT_THAT(answers[0].failures.at(0).text, HasSubstr("did not answer within 50 ms (x.conf:5)"));
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    auto const two = started(2);
    EXPECT_TRUE(one->closed());
    with.timeout = std::chrono::hours(1);
    ask();
    until_asked(*two, "scan ");
    two->answers(R"({"says": "yes"})");
    until_answered(2);
    EXPECT_EQ(answers[1].answers.at(0).says, core::truth::yes);
    EXPECT_THAT(
        logged(),
        HasSubstr("ruby_worker_replaced worker=1 path=x.conf:5 child=scan: did not answer within 50 ms"));
}

TEST_F(workers_that_run_blocks, that_die_cost_only_the_block_they_were_at) {
    begin();
    auto one = started(1);
    ask({{0, 0, {}}, {1, 1, {}}});
    ask({{1, 1, {}}});
    until_asked(*one, "scan grey ");
    one->answers(R"({"says": "yes", "shelf": {"a": "--- 1\n"}})");
    one->closes();
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    parent_says(R"({"ended": 1, "status": "status 3"})");
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    auto const two = started(2);
    until_answered(1);
    EXPECT_EQ(answers[0].answers.at(0).says, core::truth::yes);
    EXPECT_EQ(answers[0].answers.at(1).says, core::truth::failed);
    EXPECT_THAT(answers[0].failures.at(0).text, HasSubstr("the Ruby worker ended: status 3 (x.conf:6)"));
    EXPECT_EQ(answers[0].failures.at(0).child, 1U);
    until_asked(*two, "grey ");
}

TEST_F(workers_that_run_blocks, go_on_with_the_rest_of_a_question_in_a_new_process) {
    begin();
    auto one = started(1);
    more.shelf = {{"before", "--- 0\n"}};
    ask({{0, 0, {}}, {1, 1, {}}});
    until_asked(*one, "scan grey ");
    parent_says(R"({"ended": 1, "status": "signal 9"})");
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    auto const two = started(2);
    until_asked(*two, "grey ");
    EXPECT_EQ(two->question.at("shelf"), (json::object{{"before", "--- 0\n"}}));
    two->answers(R"({"says": "no"})");
    until_answered(1);
    EXPECT_EQ(answers[0].answers.at(0).says, core::truth::failed);
    EXPECT_EQ(answers[0].answers.at(1).says, core::truth::no);
}

TEST_F(workers_that_run_blocks, that_say_nonsense_are_replaced) {
    begin();
    auto one = started(1);
    one->answers(R"({"says": "yes"})"); // to no question
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    until([&] { return logged().find("said something that it was not asked") != std::string::npos; });
}

TEST_F(workers_that_run_blocks, that_never_begin_are_not_started_in_a_loop) {
    begin();
    auto one = started(1);
    parent_says(R"({"ended": 1, "status": "status 1"})");
    EXPECT_EQ(ordered(), (json::object{{"end", 1}}));
    auto const before = std::chrono::steady_clock::now();
    auto const two = started(2);
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(900));
}

TEST_F(workers_that_run_blocks, are_not_asked_by_sessions_that_have_gone) {
    begin();
    auto const one = started(1);
    ask();
    ask({{0, 0, {}}, {1, 1, {}}});
    until_asked(*one, "scan ");
    session.reset();
    session = std::make_shared<int>(2);
    ask({{1, 1, {}}});
    one->answers(R"({"says": "no"})");
    until_asked(*one, "grey ");
    one->answers(R"({"says": "no"})");
    until_answered(1);
    EXPECT_THAT(answers, SizeIs(1));
    EXPECT_EQ(answers[0].answers.at(0).child, 1U);
}

TEST_F(workers_that_run_blocks, refuse_more_questions_than_may_wait) {
    with.most_waiting = 3;
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    for (int i = 0; i < 5; ++i)
        ask();
    until_answered(2);
    EXPECT_THAT(answers[0].answers, IsEmpty());
    EXPECT_THAT(logged(), HasSubstr("questions_refused limit=3"));
    for (int i = 0; i < 4; ++i) {
        one->answers(R"({"says": "no"})");
        if (i < 3) until_asked(*one, "scan ");
    }
    until_answered(6);
    EXPECT_THAT(answers, SizeIs(6));
}

TEST_F(workers_that_run_blocks, call_the_hooks_of_maintenance_once_they_are_free) {
    with.maintained = {{core::ruby_block{4}, "x.conf:9"}, {core::ruby_block{5}, "x.conf:10"}};
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    all->maintain();
    all->maintain(); // is the same as once
    one->answers(R"({"says": "no"})");
    until_asked(*one, "manager.maintained manager.maintained ");
    EXPECT_EQ(one->question.at("items").at(0).at("block"), 4);
    one->answers(R"({"says": "no"})");
    one->answers(R"j({"says": "failed", "error": "RuntimeError: boom (x.conf:10)"})j");
    ask();
    until_asked(*one, "scan ");
    EXPECT_THAT(logged(), HasSubstr("hook_failed error=\"RuntimeError: boom (x.conf:10)\""));
    until_answered(1);
    EXPECT_THAT(answers, SizeIs(1));
}

TEST_F(workers_that_run_blocks, cannot_be_had_without_their_parent) {
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    control.close();
    until([&] { return logged().find("ruby_parent_gone") != std::string::npos; });
    ask();
    until_answered(1);
    EXPECT_THAT(answers[0].answers, IsEmpty());
}

TEST_F(workers_that_run_blocks, are_heard_in_the_log) {
    begin();
    auto const one = started(1);
    one->says('L', R"({"level": "error", "text": "from a block"})");
    prints.write("printed\nby ruby\n");
    until([&] { return logged().find("by ruby") != std::string::npos; });
    until([&] { return logged().find("from a block") != std::string::npos; });
    EXPECT_THAT(logged(), HasSubstr("error configuration_says: from a block"));
    EXPECT_THAT(logged(), HasSubstr("warning configuration_printed: printed\n"));
}

TEST_F(workers_that_run_blocks, and_print_without_end_are_logged_in_pieces) {
    begin();
    auto const one = started(1);
    prints.write(std::string(5'000, 'x') + "\n");
    until([&] { return logged().find("x\n") != std::string::npos; });
    EXPECT_THAT(logged(), Not(HasSubstr(std::string(1'025, 'x'))));
}

TEST_F(workers_that_run_blocks, end_with_their_configuration) {
    begin();
    auto const one = started(1);
    ask();
    until_asked(*one, "scan ");
    all.reset();
    EXPECT_TRUE(one->closed());
    EXPECT_TRUE(process_ended);
    char byte = 0;
    EXPECT_EQ(::recv(control.get(), &byte, 1, MSG_DONTWAIT), 0);
}

} // namespace
} // namespace milter::proxy::test
