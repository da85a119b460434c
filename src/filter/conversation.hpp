// One MTA's talk with a filter: packets in, calls of the filter, packets out (protocol 19). Never reads or
// writes a socket and never waits: serve.hpp does that, and a test can do without.
#pragma once

#include "filter/filter.hpp"
#include "filter/macros.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace milter::filter {

class conversation;
// Makes the filter of one session. The conversation outlives it.
using factory = std::function<std::unique_ptr<filter>(conversation&)>;

class conversation {
public:
    // out: where packets are appended; flush: called when they should leave before the present call ends, or
    // outside of handle(). Both outlive the conversation.
    conversation(factory make, std::string& out, std::function<void()> flush);
    ~conversation();
    conversation(conversation const&) = delete;
    conversation& operator=(conversation const&) = delete;

    // For who has the connection.
    void handle(wire::frame const& packet);
    void lost();                            // the connection is gone
    bool closed() const { return closed_; } // the connection is to be closed once `out` is written
    bool in_message() const { return in_message_; }

    // For the filter.
    agreement const& agreed() const { return agreed_; }
    // As told at this or an earlier step; name with or without braces.
    std::optional<std::string_view> macro(std::string_view name) const { return macros_.find(name); }
    // The ones that came with the step that is being handled.
    std::span<macro_value const> fresh_macros() const;
    // Whether the MTA waits for an answer to this step (a letter of wire/command.hpp).
    bool waits_for(char step) const;
    // The piece of body being handled came with the end of the message (protocol 4.8).
    bool last_piece() const { return last_piece_; }
    // The answer to the step that was answered with `later`; not before that step's function has returned.
    // What is illegal at the step counts as go_on. Ignored when the session has ended meanwhile.
    void resume(body_answer decided);
    void resume(wish wanted);
    void resume(refuse);
    // Closes the connection without an answer.
    void hang_up();
    // For testing MTAs: bytes that go out as they are.
    void send_raw(std::string_view bytes);

private:
    struct packet_copy {
        char code;
        std::string payload;
    };

    void process(wire::frame const& packet);
    void broken(std::string_view what);
    void agree(negotiate_answer decided);
    bool from_memory(char step);
    template <class Answer>
    void settle(char step, Answer decided);
    void decide(char step, body_answer decided);
    void remember(char step, body_answer const& decided);
    void send(char step, body_answer const& decided);
    void go_through_queue();
    void end_session();

    void on(wire::negotiate const&);
    void on(wire::macros const&);
    void on(wire::connect const&);
    void on(wire::helo const&);
    void on(wire::mail const&);
    void on(wire::rcpt const&);
    void on(wire::data const&);
    void on(wire::header const&);
    void on(wire::end_of_headers const&);
    void on(wire::body const&);
    void on(wire::end_of_message const&);
    void on(wire::abort const&);
    void on(wire::quit const&);
    void on(wire::quit_new_connection const&);
    void on(wire::unknown const&);

    factory make_;
    std::string& out_;
    std::function<void()> flush_;
    std::unique_ptr<filter> filter_;
    std::vector<std::unique_ptr<filter>> ended_;
    std::optional<wire::negotiate> offer_;
    bool negotiated_ = false;
    agreement agreed_;
    macros macros_;
    std::vector<macro_value> fresh_;
    char fresh_for_ = 0;
    char step_ = 0; // being handled
    std::optional<edits> edits_;
    // What was decided and still holds (protocol 6.2, 19.10): the filter is not asked again.
    std::optional<body_answer> session_decided_;
    std::optional<body_answer> message_decided_;
    bool in_message_ = false;
    bool skipping_ = false;
    bool last_piece_ = false;
    bool busy_ = false; // inside process()
    bool closed_ = false;
    char pending_ = 0; // the step that waits for resume()
    std::deque<packet_copy> queue_;
    std::size_t queued_ = 0; // bytes
};

} // namespace milter::filter
