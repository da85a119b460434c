#include "proxy/report.hpp"

#include "wire/command.hpp"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace milter::proxy {
namespace {

class a_report : public ::testing::Test {
protected:
    a_report() {
        char name[] = "/tmp/milter-report-XXXXXX";
        ::close(::mkstemp(name));
        path_ = name;
        observe::log_settings settings;
        settings.path = path_;
        settings.console = observe::levels::all();
        log_ = std::move(observe::log::open(settings).value());
        rules_.children.resize(2);
        rules_.children[0].name = "sign";
        rules_.children[1].name = "virus scan";
        rules_.children[1].where = wire::endpoint::parse("unix:/run/scan.sock").value();
    }
    ~a_report() override { ::unlink(path_.c_str()); }

    // The lines so far, without their times.
    std::string written() {
        std::ifstream file(path_);
        std::string const text{std::istreambuf_iterator<char>(file), {}};
        return text.substr(text.find("]: ") + 3);
    }

    std::vector<std::string> lines() {
        std::ifstream file(path_);
        std::vector<std::string> all;
        for (std::string one; std::getline(file, one);)
            all.push_back(one.substr(one.find("]: ") + 3));
        return all;
    }

    std::string path_;
    std::unique_ptr<observe::log> log_;
    core::policy rules_;
};

TEST_F(a_report, names_the_deciding_child_the_stage_and_the_time_of_each_once_a_message) { // chain P69
    core::message_done done;
    done.queue_id = "4bX";
    done.client = {"192.0.2.7", "mx.example.com"};
    done.sender = "<a@example.com>";
    done.recipients = 2;
    done.refused_recipients = 1;
    done.size = 71;
    done.said = core::verdict::of(wire::smtp_reply::parse("550 5.7.1 infected").value());
    done.at = core::stage::end_of_message;
    done.decided_by = 1;
    done.children = {{"pass", core::microseconds(1250), 1}, {"reject", core::microseconds(98'000), 0}};
    report(*log_, rules_, 7)(done);
    EXPECT_EQ(
        written(),
        "message message_done session=7 queue_id=4bX client=192.0.2.7 host=mx.example.com "
        "sender=<a@example.com> recipients=2 "
        "refused_recipients=1 "
        "size=71 stage=end-of-message verdict=reject reply=\"550 5.7.1 infected\" decided_by=\"virus scan\" "
        "children=\"sign:pass:1.2ms, virus scan:reject:98.0ms\"\n");
}

TEST_F(a_report, of_a_failure_names_child_socket_stage_reason_and_what_it_costs) { // chain P50
    report(*log_, rules_, 7)(core::child_failed{1, core::stage::rcpt, core::failure::closed, "",
                                                core::fallback::temp_fail, "4bX"});
    EXPECT_EQ(written(),
              "warning child_failed session=7 queue_id=4bX child=\"virus scan\" endpoint=unix:/run/scan.sock "
              "stage=envelope-recipient "
              "reason=\"it closed the connection\" fallback=temporary-failure\n");
}

TEST_F(a_report, stays_on_one_line_whatever_a_mail_holds) { // chain P69
    core::message_done done;
    done.sender = "<a\r\n[2026-01-01T00:00:00Z]: message forged\x1b[31m%n>";
    done.children.resize(2);
    report(*log_, rules_, 7)(done);
    auto const line = written();
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_NE(line.find("\\r\\n[2026"), std::string::npos);
    EXPECT_NE(line.find("\\x1B[31m%n"), std::string::npos);
}

TEST_F(a_report, shows_packets_with_whom_they_are_about_escaped_once) {
    std::string packets;
    wire::encode(packets, wire::header{"X-A", "one\\two\n three"});
    wire::encode(packets, wire::end_of_headers{});
    report about(*log_, rules_, 7);
    about.received({}, {'H', {"client\r\n\0", 9}}, "");
    about.sent(1, packets, "4bX");
    about.sent_piece(1, 65535, "4bX");
    about.received(1, {'z', "odd"}, "4bX");
    EXPECT_EQ(
        lines(),
        (std::vector<std::string>{
            R"(trace packet_received session=7: helo client\r\n)",
            R"(trace packet_sent session=7 queue_id=4bX child="virus scan": header X-A:one\\two\n three)",
            R"(trace packet_sent session=7 queue_id=4bX child="virus scan": end-of-headers)",
            R"(trace packet_sent session=7 queue_id=4bX child="virus scan": body (65535 bytes))",
            R"(trace packet_received session=7 queue_id=4bX child="virus scan": broken packet z)"}));
}

} // namespace
} // namespace milter::proxy
