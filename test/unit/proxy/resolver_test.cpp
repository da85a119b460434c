// Lists of the DNS (configuration 8.5) with a name server that the test plays: who is asked, what counts,
// what is kept and for how long, and what ends when nobody wants to know any more.
#include "proxy/resolver.hpp"

#include "unit/observe/temporary.hpp"
#include "unit/proxy/name_server.hpp"

#include <fstream>
#include <iterator>
#include <optional>

#include <gmock/gmock.h>

namespace milter::proxy::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class a_resolver : public io::test::on_a_context {
protected:
    a_resolver() {
        observe::log_settings settings;
        settings.path = folder / "log";
        log = std::move(observe::log::open(settings).value());
        list.name_servers = {server.where()};
        list.timeout = seconds(15); // a test that waits for it has failed
        names.emplace(context, *log, [this] { return time; });
    }
    void service(std::string const& domain, std::string_view expected = "") {
        core::dns_list::service made{domain, {}};
        if (!expected.empty()) made.expected = core::network::parse(expected).value();
        list.services.push_back(made);
    }
    struct interest {
        std::optional<bool> listed;
        std::shared_ptr<resolver::look_up> of;
    };
    std::unique_ptr<interest> ask(std::string_view address = "192.0.2.1") {
        auto one = std::make_unique<interest>();
        one->of = names->ask(list, core::parse_address(address).value(),
                             [to = one.get()](bool listed) { to->listed = listed; });
        EXPECT_FALSE(one->listed) << "from inside";
        return one;
    }
    name_server::question question(std::size_t nth = 0) {
        until([&] { return server.asked().size() > nth; });
        return server.asked().at(nth);
    }
    bool answer_of(interest const& one) {
        until([&] { return one.listed.has_value(); });
        return one.listed.value();
    }
    std::string logged() const {
        std::ifstream file(folder / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::size_t warnings() const {
        auto const text = logged();
        std::size_t count = 0;
        for (auto at = text.find("dns_list_failed"); at != std::string::npos;
             at = text.find("dns_list_failed", at + 1))
            ++count;
        return count;
    }

    milter::test::temporary_folder folder;
    std::unique_ptr<observe::log> log;
    name_server server;
    core::dns_list list;
    std::chrono::steady_clock::time_point time{};
    std::optional<resolver> names;
};

TEST_F(a_resolver, asks_for_the_reversed_address_below_all_services_at_once) {
    service("one.example");
    service("two.example");
    auto const asked = ask("192.0.2.17");
    until([&] { return server.asked().size() == 2; });
    EXPECT_THAT(server.names(), UnorderedElementsAre("17.2.0.192.one.example", "17.2.0.192.two.example"));
    EXPECT_FALSE(asked->listed);
}

TEST_F(a_resolver, says_yes_with_the_first_service_that_has_it) {
    service("one.example");
    service("two.example");
    auto const asked = ask();
    question(1);
    server.says(question(1), {"127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*asked));
}

TEST_F(a_resolver, says_no_when_all_have_denied) {
    service("one.example");
    service("two.example");
    auto const asked = ask();
    server.denies(question(1), name_server::no_such_name, 300, 300);
    until([&] { return names->kept() == 1; });
    EXPECT_FALSE(asked->listed);
    server.denies(question(0), name_server::no_error, 300, 300);
    EXPECT_FALSE(answer_of(*asked));
    EXPECT_EQ(warnings(), 0U);
}

TEST_F(a_resolver, takes_only_the_expected_answers) {
    service("one.example", "127.0.0.10/31");
    auto const first = ask("192.0.2.1");
    server.says(question(0), {"127.0.0.2", "127.0.0.12"}, 300);
    EXPECT_FALSE(answer_of(*first));
    auto const second = ask("192.0.2.2");
    server.says(question(1), {"127.0.0.2", "127.0.0.11"}, 300);
    EXPECT_TRUE(answer_of(*second));
}

TEST_F(a_resolver, asks_nobody_about_other_addresses_than_ipv4) {
    service("one.example");
    auto const asked = ask("2001:db8::1");
    EXPECT_FALSE(answer_of(*asked));
    EXPECT_THAT(server.asked(), IsEmpty());
    EXPECT_EQ(names->asked(), 0U);
}

TEST_F(a_resolver, takes_a_failure_for_no_listing_and_says_so_once_a_minute) {
    service("one.example");
    for (std::size_t n = 0; n < 3; ++n) {
        auto const asked = ask("192.0.2." + std::to_string(n));
        server.fails(question(n), name_server::server_failure);
        EXPECT_FALSE(answer_of(*asked));
    }
    EXPECT_EQ(warnings(), 1U);
    EXPECT_THAT(logged(),
                HasSubstr("dns_list_failed service=one.example server=" + core::describe(server.where())));
    time += seconds(60);
    auto const asked = ask("192.0.2.3");
    server.fails(question(3), name_server::refused);
    EXPECT_FALSE(answer_of(*asked));
    EXPECT_EQ(warnings(), 2U);
    EXPECT_EQ(names->kept(), 0U);
}

TEST_F(a_resolver, listens_to_the_others_when_one_service_fails) {
    service("broken.example");
    service("two.example");
    auto const asked = ask();
    question(1);
    server.fails(server.names()[0].ends_with("broken.example") ? question(0) : question(1),
                 name_server::server_failure);
    until([&] { return warnings() == 1; });
    EXPECT_FALSE(asked->listed);
    server.says(server.names()[0].ends_with("broken.example") ? question(1) : question(0), {"127.0.0.2"}, 9);
    EXPECT_TRUE(answer_of(*asked));
}

TEST_F(a_resolver, waits_for_a_silent_server_no_longer_than_the_list_says) {
    service("one.example");
    list.timeout = milliseconds(50);
    auto const begun = std::chrono::steady_clock::now();
    auto const asked = ask();
    EXPECT_FALSE(answer_of(*asked));
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(50));
    EXPECT_EQ(server.asked().size(), 1U);
    EXPECT_THAT(logged(), HasSubstr("no answer within 50 ms"));
    // The question goes on, for whoever comes later.
    server.says(question(0), {"127.0.0.2"}, 300);
    until([&] { return names->kept() == 1; });
    EXPECT_TRUE(answer_of(*ask()));
}

TEST_F(a_resolver, asks_the_same_question_once_for_all_who_want_to_know) {
    service("one.example");
    std::vector<std::unique_ptr<interest>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(ask());
    server.says(question(0), {"127.0.0.2"}, 300);
    for (auto const& one : all)
        EXPECT_TRUE(answer_of(*one));
    EXPECT_EQ(server.asked().size(), 1U);
}

TEST_F(a_resolver, tells_nobody_whose_interest_has_ended) {
    service("one.example");
    auto const gone = ask();
    auto const stays = ask();
    auto const to_go = question(0);
    gone->of.reset();
    server.says(to_go, {"127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*stays));
    EXPECT_FALSE(gone->listed);
    // Also when the answer is on its way already.
    auto const known = ask();
    known->of.reset();
    settle();
    EXPECT_FALSE(known->listed);
}

TEST_F(a_resolver, may_be_asked_again_by_whom_it_tells) {
    service("one.example");
    std::optional<bool> second;
    std::shared_ptr<resolver::look_up> first_of;
    std::shared_ptr<resolver::look_up> second_of;
    auto const address = core::parse_address("192.0.2.1").value();
    first_of = names->ask(list, address, [&](bool) {
        second_of = names->ask(list, address, [&](bool listed) { second = listed; });
        first_of.reset();
    });
    server.says(question(0), {"127.0.0.2"}, 300);
    until([&] { return second.has_value(); });
    EXPECT_TRUE(second.value());
}

TEST_F(a_resolver, keeps_an_answer_for_its_time) {
    service("one.example");
    auto const first = ask();
    server.says(question(0), {"127.0.0.3", "127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*first));
    time += seconds(299);
    EXPECT_TRUE(answer_of(*ask()));
    EXPECT_EQ(server.asked().size(), 1U);
    time += seconds(1);
    auto const later = ask();
    server.denies(question(1), name_server::no_such_name, 300, 300);
    EXPECT_FALSE(answer_of(*later));
}

TEST_F(a_resolver, keeps_an_absence_for_the_shorter_of_the_times_of_its_soa) {
    struct row {
        std::uint32_t ttl, minimum;
        seconds holds;
    };
    service("one.example");
    std::size_t nth = 0;
    for (auto const& [ttl, minimum, holds] :
         {row{300, 20, seconds(20)}, row{20, 300, seconds(20)}, row{300, 0, seconds(1)},
          row{999'999, 999'999, seconds(86'400)}}) {
        auto const first = ask();
        server.denies(question(nth++), name_server::no_such_name, ttl, minimum);
        EXPECT_FALSE(answer_of(*first));
        time += holds - milliseconds(1);
        EXPECT_FALSE(answer_of(*ask()));
        EXPECT_EQ(server.asked().size(), nth) << ttl << " " << minimum;
        time += milliseconds(1);
        auto const again = ask();
        server.says(question(nth++), {"127.0.0.2"}, 0);
        EXPECT_TRUE(answer_of(*again)) << ttl << " " << minimum;
    }
}

TEST_F(a_resolver, keeps_an_absence_without_a_soa_for_a_minute) {
    service("one.example");
    auto const first = ask();
    server.fails(question(0), name_server::no_such_name);
    EXPECT_FALSE(answer_of(*first));
    time += seconds(60) - milliseconds(1);
    EXPECT_FALSE(answer_of(*ask()));
    time += milliseconds(1);
    auto const again = ask();
    server.says(question(1), {"127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*again));
}

TEST_F(a_resolver, asks_the_next_server_when_one_fails) {
    name_server other;
    service("one.example");
    list.name_servers.push_back(other.where());
    auto const asked = ask();
    server.fails(question(0), name_server::refused);
    until([&] { return other.asked().size() == 1; });
    other.says(other.asked().front(), {"127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*asked));
}

TEST_F(a_resolver, keeps_answers_of_different_servers_apart) {
    name_server other;
    service("one.example");
    auto const first = ask();
    server.says(question(0), {"127.0.0.2"}, 300);
    EXPECT_TRUE(answer_of(*first));
    auto theirs = list;
    theirs.name_servers = {other.where()};
    std::optional<bool> listed;
    auto const of =
        names->ask(theirs, core::parse_address("192.0.2.1").value(), [&](bool is) { listed = is; });
    until([&] { return other.asked().size() == 1; });
    other.denies(other.asked().front(), name_server::no_such_name, 300, 300);
    until([&] { return listed.has_value(); });
    EXPECT_FALSE(listed.value());
}

TEST_F(a_resolver, takes_a_name_that_cannot_be_asked_for_a_failure) {
    service(std::string(300, 'x') + ".example");
    EXPECT_FALSE(answer_of(*ask()));
    EXPECT_EQ(warnings(), 1U);
    EXPECT_EQ(names->asked(), 0U);
}

TEST_F(a_resolver, does_not_keep_the_context_busy_after_its_end_and_the_last_interest) {
    service("one.example");
    auto asked = ask();
    question(0);
    names->stop();
    settle();
    EXPECT_FALSE(asked->listed);
    EXPECT_EQ(names->asked(), 1U); // somebody still waits
    asked->of.reset();
    context.restart();
    auto const begun = std::chrono::steady_clock::now();
    context.run_for(seconds(10));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5));
    EXPECT_TRUE(context.stopped());
    EXPECT_EQ(names->asked(), 0U);
}

TEST_F(a_resolver, may_go_before_its_questions_are_answered) {
    service("one.example");
    auto const asked = ask();
    question(0);
    names.reset();
    asked->of.reset();
    settle();
    EXPECT_FALSE(asked->listed);
}

} // namespace
} // namespace milter::proxy::test
