// The MTA of --explain: tells one mail over a socket, step by step, and remembers what it was answered.
// Blocks, so it has a thread of its own; never decides what an answer costs but as an MTA does.
#pragma once

#include "core/policy.hpp"
#include "core/stage.hpp"
#include "daemon/explain/request.hpp"
#include "wire/command.hpp"
#include "wire/frame.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace milter::daemon::explain {

struct answer {
    std::string said; // "pass", "accept", "reject", "temporary-failure", "discard", "skip"
    std::string text; // of a reply code
    bool is_final() const { return said != "pass" && said != "skip"; }
};

class mta_side {
public:
    // Takes over the descriptor.
    mta_side(int descriptor, core::mta_kind kind);
    ~mta_side();
    mta_side(mta_side const&) = delete;
    mta_side& operator=(mta_side const&) = delete;

    void talk(request const& what, mail const& content);
    // Nothing more comes.
    void hang_up();

    std::string const& error() const { return error_; } // "" = every step was answered
    answer const& last() const { return last_; }        // the final reply
    core::stage at() const { return at_; }              // and its step
    std::vector<std::string> const& recipients() const { return recipients_; }
    std::vector<std::string> const& edits() const { return edits_; }

private:
    using macros = std::vector<std::pair<std::string, std::string>>;

    bool open_session(request const& what);
    bool envelope(request const& what);
    bool content(mail const& content);
    // False: the message, or the session, is over.
    bool ask(core::stage at, wire::command const& what, macros const& with = {});
    void negotiate();
    bool send(wire::command const& what);
    bool receive(wire::frame& into);
    void note_edit(wire::frame const& packet);
    void fail(std::string why);

    int descriptor_;
    core::mta_kind kind_;
    wire::frame_reader reader_;
    wire::steps agreed_;
    answer last_{"pass", {}};
    core::stage at_ = core::stage::negotiate;
    std::vector<std::string> recipients_;
    std::vector<std::string> edits_;
    std::size_t new_body_ = 0; // bytes
    bool replaces_body_ = false;
    std::string error_;
};

} // namespace milter::daemon::explain
