#include <milter/milter.hpp>
#include <milter/testing.hpp>

#include <gmock/gmock.h>

#include <stdexcept>

namespace {

using testing::ElementsAre;
using namespace std::literals;

// Notes what it is told.
struct noting : milter::handler {
    explicit noting(std::vector<std::string>& told) : told_(told) {}
    void note(std::string_view what, std::string_view more = {}) {
        told_.push_back(std::string(what) + (more.empty() ? "" : " ") + std::string(more));
    }
    milter::connect_answer on_connect(milter::client const& who) override {
        note("connect", std::string(who.host) + "/" + std::string(who.address) + "/" +
                            std::to_string(who.port) + "/" + std::to_string(static_cast<int>(who.family)));
        return milter::go_on{};
    }
    milter::connect_answer on_helo(std::string_view name) override {
        note("helo", name);
        return milter::go_on{};
    }
    milter::answer on_mail(std::string_view address, milter::arguments parameters) override {
        note("mail", address);
        for (auto const one : parameters)
            note("with", one);
        note("i is", macro("{i}").value_or("unknown"));
        return milter::go_on{};
    }
    milter::answer on_rcpt(std::string_view address, milter::arguments) override {
        note("rcpt", address);
        return milter::go_on{};
    }
    milter::answer on_data() override {
        note("data");
        return milter::go_on{};
    }
    milter::unknown_answer on_unknown(std::string_view line) override {
        note("unknown", line);
        return milter::go_on{};
    }
    milter::answer on_header(std::string_view name, std::string_view value) override {
        note(name, value);
        return milter::go_on{};
    }
    milter::answer on_end_of_headers() override {
        note("end of headers");
        return milter::go_on{};
    }
    milter::body_answer on_body(std::string_view piece) override {
        note("body", std::to_string(piece.size()));
        return milter::go_on{};
    }
    void on_abort() override { note("abort"); }
    void on_quit() override { note("quit"); }
    std::vector<std::string>& told_;
};

TEST(Drive, EveryStepArrives) {
    std::vector<std::string> told;
    auto mta = milter::drive([&] { return std::make_unique<noting>(told); });
    ASSERT_TRUE(mta) << mta.error();
    EXPECT_EQ(mta.agreed().version, 6U);
    EXPECT_EQ(mta.agreed().actions, milter::all_actions);
    EXPECT_EQ(mta.agreed().steps, milter::steps(milter::step::skip));
    mta.connect("h", "2001:db8::1", 7);
    mta.helo("client");
    mta.macros(milter::macro_stage::mail, {{"i", "ID1"}, {"auth_type", "plain"}});
    mta.mail("<a@x>", {"SIZE=1", "SMTPUTF8"});
    mta.unknown("WIZ");
    mta.rcpt("<b@y>");
    mta.abort();
    mta.mail("<a@x>");
    mta.rcpt("<b@y>");
    mta.data();
    mta.header("Subject", "s");
    mta.end_of_headers();
    EXPECT_EQ(mta.body(std::string(70'000, 'x')).what, milter::verdict::go_on);
    EXPECT_EQ(mta.end_of_message().what, milter::verdict::go_on);
    mta.quit();
    EXPECT_THAT(told, ElementsAre("connect h/2001:db8::1/7/3", "helo client", "mail <a@x>", "with SIZE=1",
                                  "with SMTPUTF8", "i is ID1", "unknown WIZ", "rcpt <b@y>", "abort",
                                  "mail <a@x>", "i is ID1", "rcpt <b@y>", "data", "Subject s",
                                  "end of headers", "body 65535", "body 4465", "quit"));
}

struct editing : milter::handler {
    milter::answer on_end_of_message(milter::edits& message) override {
        ok_ = message.add_header("X-A", "1") && message.insert_header(2, "X-B", "2") &&
              message.change_header(1, "X-C", "3") && message.delete_header(4, "X-D") &&
              message.replace_body("b") && message.add_recipient("<c@z>") &&
              message.add_recipient("<d@z>", "NOTIFY=NEVER") && message.delete_recipient("<b@y>") &&
              message.change_sender("<>", "SIZE=2") && message.quarantine("why");
        bool const refused = message.add_header("no good", "x") || message.add_header("X", "\0"sv) ||
                             message.quarantine("two\nlines");
        message.progress();
        return ok_ && !refused ? milter::answer(milter::accept{}) : milter::reject{};
    }
    bool ok_ = false;
};

TEST(Drive, EditsAreHeardAsTheyWereMade) {
    auto mta = milter::drive<editing>();
    auto const heard = mta.end_of_message();
    EXPECT_EQ(heard.what, milter::verdict::accept);
    EXPECT_EQ(heard.progress, 1U);
    std::vector<std::string> all;
    for (auto const& one : heard.edits)
        all.push_back(std::to_string(static_cast<int>(one.what)) + " " + std::to_string(one.index) + " " +
                      one.name + "=" + one.value + " " + one.arguments.value_or("-"));
    // The new body stands behind all other changes.
    EXPECT_THAT(all, ElementsAre("0 0 X-A=1 -", "1 2 X-B=2 -", "2 1 X-C=3 -", "2 4 X-D= -", "4 0 =<c@z> -",
                                 "4 0 =<d@z> NOTIFY=NEVER", "5 0 =<b@y> -", "6 0 =<> SIZE=2", "7 0 =why -",
                                 "3 0 =b -"));
}

TEST(Drive, WhatWasNotAgreedOnIsNotDone) {
    milter::mta_options few;
    few.offer = {6, milter::action::add_headers, milter::all_steps};
    auto mta = milter::drive<editing>(few);
    auto const heard = mta.end_of_message();
    EXPECT_EQ(heard.what, milter::verdict::reject);
    EXPECT_EQ(heard.edits.size(), 2U); // up to the first that could not be
}

struct wishing : milter::handler {
    milter::negotiate_answer on_negotiate(milter::agreement const&) override {
        return milter::wish{milter::action::quarantine,
                            milter::step::no_helo | milter::step::no_reply_mail,
                            {{milter::macro_stage::rcpt, "i {auth_authen}"}}};
    }
    milter::connect_answer on_connect(milter::client const&) override { return milter::later{}; }
};

TEST(Drive, StepsThatAreNotWantedOrNotAnsweredAreToldApart) {
    auto mta = milter::drive<wishing>({{6, milter::all_actions, milter::all_steps}, 50ms});
    EXPECT_EQ(mta.agreed().actions, milter::action::quarantine | milter::action::set_macro_lists);
    ASSERT_EQ(mta.macro_lists().size(), 1U);
    EXPECT_EQ(mta.macro_lists()[0].first, milter::macro_stage::rcpt);
    EXPECT_EQ(mta.macro_lists()[0].second, "i {auth_authen}");
    EXPECT_EQ(mta.helo("x").what, milter::verdict::not_sent);
    EXPECT_EQ(mta.mail("<a@x>").what, milter::verdict::not_answered);
    auto const silent = mta.connect("h", "192.0.2.1");
    EXPECT_EQ(milter::word(silent.what), "lost");
    EXPECT_EQ(silent.text, "the time-out is over");
    EXPECT_FALSE(mta);
    EXPECT_EQ(mta.rcpt("<b@y>").text, mta.error());
}

struct refusing : milter::handler {
    milter::negotiate_answer on_negotiate(milter::agreement const&) override { return milter::refuse{}; }
};

TEST(Drive, AMilterMayRefuseTheMta) {
    auto const mta = milter::drive<refusing>();
    EXPECT_FALSE(mta);
    EXPECT_EQ(mta.error(), "the milter closed the connection");
}

struct throwing : milter::handler {
    milter::answer on_mail(std::string_view, milter::arguments) override { throw std::runtime_error("no"); }
};

TEST(Drive, AnExceptionCostsATemporaryFailure) {
    auto mta = milter::drive<throwing>();
    EXPECT_EQ(mta.mail("<a@x>").what, milter::verdict::temp_fail);
    EXPECT_EQ(mta.helo("still there").what, milter::verdict::go_on);
}

struct answering : milter::handler {
    milter::connect_answer on_helo(std::string_view name) override {
        if (name == "accept") return milter::accept{};
        if (name == "reject") return milter::reject{};
        return milter::smtp_reply(421, "4.3.2", "bye");
    }
    milter::answer on_rcpt(std::string_view address, milter::arguments) override {
        if (address == "<d@x>") return milter::discard{};
        if (address == "<t@x>") return milter::temp_fail{};
        return milter::smtp_reply(550, "5.7.1", "100% no");
    }
    milter::body_answer on_body(std::string_view) override { return milter::skip{}; }
};

TEST(Drive, EveryAnswerIsHeard) {
    using milter::verdict;
    auto const at_rcpt = [](std::string_view address) {
        auto mta = milter::drive<answering>();
        mta.mail("<a@x>");
        return mta.rcpt(address);
    };
    auto mta = milter::drive<answering>();
    EXPECT_EQ(mta.helo("x").text, "421 4.3.2 bye");
    EXPECT_EQ(mta.helo("reject").what, verdict::reject);
    EXPECT_EQ(mta.helo("accept").what, verdict::accept);
    EXPECT_EQ(milter::drive<answering>().body("x").what, verdict::skip);
    EXPECT_EQ(at_rcpt("<d@x>").what, verdict::discard);
    EXPECT_EQ(at_rcpt("<t@x>").what, verdict::temp_fail);
    EXPECT_EQ(at_rcpt("<b@x>").what, verdict::reply);
    EXPECT_EQ(at_rcpt("<b@x>").text, "550 5.7.1 100%% no");
}

TEST(Reply, IsAlwaysOneThatAnMtaTakes) {
    EXPECT_EQ(milter::smtp_reply(250, "2.0.0", "fine").text(), "451 fine");
    EXPECT_EQ(milter::smtp_reply(550, "4.7.1", "a\nb").text(), "550 a?b");
    EXPECT_FALSE(milter::smtp_reply::parse("550 a\nb"));
    EXPECT_FALSE(milter::smtp_reply::parse("250 fine"));
    auto const two = milter::smtp_reply::parse("550-5.7.1 a\r\n550 5.7.1 b");
    ASSERT_TRUE(two);
    EXPECT_EQ(two->code(), 550U);
}

TEST(Version, IsTheHeaders) {
    EXPECT_STREQ(milter::library_version(), MILTERXX_VERSION);
}

} // namespace
