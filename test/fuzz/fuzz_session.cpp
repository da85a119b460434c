// Arbitrary sequences of events against core::session, under the invariants: the first bytes choose the
// children, each further byte what happens next.
#include "support/memory_stage.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace milter;

constexpr std::array<std::string_view, 9> casts{
    "children a",
    "children a b",
    "children a(fallback=temporary-failure) b(fallback=discard actions=add-headers) c(actions=all)",
    "children "
    "a(steps=no-reply-connect|no-reply-helo|no-reply-envelope-from|no-reply-envelope-recipient|no-reply-data|"
    "no-reply-unknown|no-reply-header|no-reply-end-of-header|no-reply-body actions=all) b",
    "children a(evaluation actions=all) b(fallback=quarantine)",
    "children a(steps=no-connect|no-helo|no-envelope-from|no-body|no-headers) "
    "b(steps=no-data|no-unknown|skip) c",
    "children a(early_feed=no actions=change-body) b(fallback=reject steps=header-value-with-leading-space)",
    "children a(v2) b(v4 actions=change-headers) c(evaluation fallback=shutdown)",
    "children a(group=g actions=all) e(evaluation) b(group=g fallback=quarantine "
    "actions=change-headers|quarantine) c",
};

constexpr std::array<std::string_view, 24> mta_lines{
    "mta connect mx.example.net 192.0.2.1",
    "mta helo h",
    "mta macros M i=abc",
    "mta mail <x@example.net> SIZE=1",
    "mta rcpt <y@example.com>",
    "mta macros R i=abc {rcpt_mailer}=error",
    "mta data",
    "mta header Subject: x",
    "mta header X-A:",
    "mta end-of-headers",
    "mta body text\\r\\n",
    "mta end-of-message",
    "mta end-of-message last",
    "mta abort",
    "mta quit",
    "mta quit-new-connection",
    "mta unknown XYZ",
    "mta closes",
    "mta offer v6 actions=all steps=all",
    "mta offer v2 actions=add-headers steps=no-connect",
    "mta raw H cut",
    "mta raw M ",
    "mta raw z ?",
    "mta macros E i=abc odd",
};

constexpr std::array<std::string_view, 30> child_lines{
    "continue",
    "accept",
    "reject",
    "temporary-failure",
    "discard",
    "skip",
    "shutdown",
    "conn-fail",
    "reply 550 5.7.1 no",
    "reply 421 4.7.0 bye",
    "reply 200 ok",
    "progress",
    "add-header X-A: 1",
    "insert-header 1 X-B: 2",
    "change-header 1 X-A:",
    "change-header 3 subject: new",
    "replace-body new\\n",
    "replace-body ",
    "add-recipient <z@example.com>",
    "delete-recipient <y@example.com>",
    "change-sender <w@example.net>",
    "quarantine q",
    "connects",
    "refuses",
    "closes",
    "agree v6 actions=all",
    "agree v6 actions=all steps=all",
    "raw Z ?",
    "ready agree v6 actions=all",
    "ready agree v9",
};

constexpr std::array<std::string_view, 4> times{"pass 1ms", "pass 6s", "pass 60s", "pass 10000s"};

class reader {
public:
    reader(std::uint8_t const* data, std::size_t size) : data_(data), left_(size) {}
    bool done() const { return left_ == 0; }
    std::size_t below(std::size_t n) {
        if (left_ == 0) return 0;
        --left_;
        return *data_++ % n;
    }

private:
    std::uint8_t const* data_;
    std::size_t left_;
};

std::string next_step(reader& from, test::memory_stage const& stage) {
    auto const& children = stage.with().rules.children;
    switch (from.below(8)) {
    case 0:
    case 1:
    case 2:
        return std::string(mta_lines[from.below(mta_lines.size())]);
    case 3:
        return std::string(times[from.below(times.size())]);
    default: {
        auto const who = from.below(children.size());
        // Mostly what a well-behaved child says.
        auto const what = from.below(4) == 0 ? from.below(child_lines.size()) : from.below(2);
        return children[who].name + " " + std::string(child_lines[what]);
    }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    reader from(data, size);
    test::memory_stage stage;
    std::string played;
    auto const play = [&](std::string const& step) {
        played += step + "\n";
        static_cast<void>(stage.perform(step));
    };
    play(std::string(casts[from.below(casts.size())]));
    play(from.below(4) == 0 ? "mta connects" : "start");
    constexpr int most_steps = 2'000;
    for (int i = 0; i < most_steps && !from.done() && !stage.finished(); ++i)
        play(next_step(from, stage));
    stage.run_out();
    auto broken = stage.broken();
    if (!stage.finished() && stage.unanswered() > 0)
        broken.emplace_back("a command of the MTA was never answered");
    if (broken.empty()) return 0;
    std::fprintf(stderr, "%s", played.c_str());
    for (auto const& one : broken)
        std::fprintf(stderr, "invariant: %s\n", one.c_str());
    std::abort();
}
