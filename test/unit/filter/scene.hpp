// A conversation on a stage: an MTA's commands go in, what the filter was asked and what it answered come out
// as words. Never opens a socket and never waits.
#pragma once

#include "filter/conversation.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace milter::test {

// Remembers what it was asked; answers what the scene says, by the letter of the step.
struct script {
    std::vector<std::string> asked;
    std::map<char, filter::body_answer> answers;
    filter::negotiate_answer negotiation = filter::wish{};
    std::function<void(filter::edits&)> edit;
    filter::conversation* talk = nullptr;
    filter::edits* edits = nullptr;
};

class scripted_filter final : public filter::filter {
public:
    explicit scripted_filter(script& told) : told_(told) {}

    milter::filter::negotiate_answer on_negotiate(wire::negotiate const&) override {
        told_.asked.push_back("negotiate");
        return told_.negotiation;
    }
    milter::filter::connect_answer on_connect(wire::connect const& one) override {
        return say<milter::filter::connect_answer>('C', fmt::format("connect {}", one.host));
    }
    milter::filter::connect_answer on_helo(wire::helo const& one) override {
        return say<milter::filter::connect_answer>('H', fmt::format("helo {}", one.name));
    }
    milter::filter::answer on_mail(wire::mail const& one) override {
        return say<milter::filter::answer>('M', fmt::format("mail {}", one.address));
    }
    milter::filter::answer on_rcpt(wire::rcpt const& one) override {
        return say<milter::filter::answer>('R', fmt::format("rcpt {}", one.address));
    }
    milter::filter::answer on_data() override { return say<milter::filter::answer>('T', "data"); }
    milter::filter::unknown_answer on_unknown(wire::unknown const& one) override {
        return say<milter::filter::unknown_answer>('U', fmt::format("unknown {}", one.line));
    }
    milter::filter::answer on_header(wire::header const& one) override {
        return say<milter::filter::answer>('L', fmt::format("header {}={}", one.name, one.value));
    }
    milter::filter::answer on_end_of_headers() override {
        return say<milter::filter::answer>('N', "end-of-headers");
    }
    milter::filter::body_answer on_body(wire::body const& one) override {
        return say<milter::filter::body_answer>('B', fmt::format("body {}", one.bytes));
    }
    milter::filter::answer on_end_of_message(milter::filter::edits& message) override {
        told_.edits = &message;
        if (told_.edit) told_.edit(message);
        return say<milter::filter::answer>('E', "end-of-message");
    }
    void on_abort() override { told_.asked.push_back("abort"); }
    void on_error(std::string_view what) override { told_.asked.push_back(fmt::format("error: {}", what)); }
    void on_quit() override { told_.asked.push_back("quit"); }

private:
    template <class Answer>
    Answer say(char step, std::string words) {
        told_.asked.push_back(std::move(words));
        auto const found = told_.answers.find(step);
        if (found == told_.answers.end()) return milter::filter::go_on{};
        return std::visit(
            [](auto const& one) -> Answer {
                if constexpr (std::is_constructible_v<Answer, decltype(one)>)
                    return one;
                else
                    throw std::logic_error("no such answer at this step");
            },
            found->second);
    }

    script& told_;
};

class scene {
public:
    scene()
        : talk(
              [this](filter::conversation& c) {
                  told.talk = &c;
                  return std::make_unique<scripted_filter>(told);
              },
              out, [this] { ++flushes; }) {}

    // One command; the replies that it caused, as words.
    std::string send(wire::command const& one) {
        std::string bytes;
        wire::encode(bytes, one);
        return raw(bytes[4], std::string_view(bytes).substr(5));
    }
    std::string raw(char code, std::string_view payload) {
        talk.handle({code, payload});
        return replies();
    }
    // What has been answered since the last look, "+" between.
    std::string replies();
    // The usual beginning.
    std::string open(wire::steps steps = {}) {
        std::get<filter::wish>(told.negotiation).steps |= steps;
        return send(wire::negotiate{6, wire::all_actions, wire::all_steps});
    }
    std::vector<std::string> asked() { return std::exchange(told.asked, {}); }

    script told;
    std::string out;
    int flushes = 0;
    filter::conversation talk;
};

inline std::string words_of(wire::frame const& packet) {
    auto const one = wire::decode_reply(packet);
    if (!one) throw std::runtime_error("what was sent is no reply");
    if (auto const* const said = std::get_if<wire::reply_code>(&*one)) return std::string(said->text);
    if (auto const* const said = std::get_if<wire::add_header>(&*one))
        return fmt::format("add-header {}={}", said->name, said->value);
    if (auto const* const said = std::get_if<wire::replace_body>(&*one))
        return fmt::format("replace-body {}", said->bytes.size());
    if (auto const* const said = std::get_if<wire::negotiated>(&*one))
        return fmt::format("negotiated {} {:#x} {:#x}", said->version, said->actions.bits(),
                           said->steps.bits());
    return std::string(wire::reply_name(packet.code));
}

inline std::string scene::replies() {
    wire::frame_reader reader(out.size() + 1);
    std::ranges::copy(out, reader.space(out.size()).begin());
    reader.filled(out.size());
    out.clear();
    std::string words;
    for (auto next = reader.next(); next && *next; next = reader.next())
        words += (words.empty() ? "" : " + ") + words_of(**next);
    return reader.in_frame() ? words + " + rubbish" : words;
}

} // namespace milter::test
