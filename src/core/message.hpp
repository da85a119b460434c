// Everything that is known of one message; a session has at most one, and replaces it as a whole (chain P45).
// A struct of values: what becomes of them is decided in envelope and content.
#pragma once

#include "core/action.hpp"
#include "core/chain.hpp"
#include "core/edits.hpp"
#include "core/headers.hpp"
#include "core/verdict.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace milter::core {

// The content as it stood before a later child's edits.
struct content_view {
    header_list headers;
    std::optional<body_id> body;
    std::uint64_t body_size = 0;
};

// One child's part in the message.
struct child_part {
    bool told = false; // it has seen its sender or some content, and an abort would mean something to it
    bool done = false; // it has nothing more to do with this message
    bool recipient_shown = false; // its conditions let one through
    bool recipient_hidden = false;
    skip_cause hidden_by; // the last one
    bool lost = false;    // because it failed: its fallback stands for it from there on
    // It has said all that it will say, and was not lost: no fallback counts.
    bool finished() const { return done && !lost; }

    // How far its copy of the content has come.
    std::size_t next_header = 0;
    bool headers_over = false;
    // When that is not the message's own any more: it is in evaluation mode and lags behind, or in a group.
    std::shared_ptr<content_view const> view;
    std::optional<body_id> reading;
    std::uint64_t body_sent = 0;
    bool body_in_queue = false; // a piece is on its way and the child will not answer it
    bool body_over = false;
    bool end_sent = false;

    // What it changes; counts only after its own last word (chain P41), and then at its place (P34).
    bool committed = false;
    std::vector<edit> edits;
    std::size_t edits_held = 0; // bytes
    std::optional<body_id> new_body;
    std::uint64_t new_body_size = 0;
    bool after_cr = false; // how new_body ends so far
    bool after_crlf = false;
    bool changes_headers() const {
        return std::any_of(edits.begin(), edits.end(), [](edit const& one) { return one.is_of_header(); });
    }
    bool quarantines = false;
    bool undeclared_body = false;
    bool replaces_body = false; // evaluation mode: counted once

    child_result result;
};

struct message {
    message(std::size_t children, mta_kind profile) : headers(profile), parts(children), ballots(children) {}

    std::string queue_id;
    std::string sender;
    std::size_t recipients = 0; // accepted by the chain
    std::size_t refused_recipients = 0;
    std::vector<std::string> recipient_list; // the accepted ones, when a condition may ask for them

    bool unknown_told = false; // an unknown command has come inside the message
    bool data_told = false;
    bool in_content = false; // the first of L N B E has come
    header_list headers;
    bool headers_over = false;
    std::optional<body_id> body; // what the next child is shown; nothing: an empty body
    std::uint64_t body_size = 0;
    std::uint64_t received = 0;  // bytes of body from the MTA
    std::uint64_t forgotten = 0; // of them; no child needs them any more
    bool body_replaced = false;
    std::vector<body_id> bodies; // all that are kept
    bool end_seen = false;

    std::vector<child_part> parts;
    std::vector<ballot> ballots;     // of the content
    std::vector<child_index> groups; // of each child: the first member (chain V.4); from the content on
    std::vector<edit> replay;        // for the MTA, in order

    // Known and final; later events of the message are answered from here (chain P18, P19).
    std::optional<verdict> decided;
    std::optional<child_index> decided_by;
    stage decided_at = stage::mail;
    bool complete = false;    // its end has been answered: nothing more of it will come
    bool quarantined = false; // the MTA was told to
    bool reported = false;
};

} // namespace milter::core
