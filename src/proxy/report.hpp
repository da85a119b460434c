// What a session has to tell the administrator → log lines. Every line about a session carries its number,
// and the child and the queue id when they are known. Decides nothing.
#pragma once

#include "core/action.hpp"
#include "core/expects.hpp"
#include "observe/log.hpp"
#include "wire/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::proxy {

class report {
public:
    // session: a number that is unique in the process.
    report(observe::log& log, core::policy const& rules, std::uint64_t session);

    void operator()(core::child_failed const& what);
    void operator()(core::oddity const& what);
    void operator()(core::message_done const& what);
    void operator()(core::session_decided const& what);
    void operator()(core::evaluated const& what);
    void operator()(core::session_refused const& what);
    // A connection out of the pool was dead and has been replaced (chain V.5).
    void connection_replaced(core::child_index child, std::string_view queue_id);
    // A condition's block gave no answer; text: why, and where it is.
    void block_failed(core::child_index child, std::string const& text, std::string_view queue_id);
    void odd(std::string const& text, std::string_view queue_id);
    void broken_invariant(core::broken_invariant const& found, std::string_view queue_id);
    // checker: the one that has missed the client.
    void client_gone(core::client_gone const& what, std::string const& checker);
    // A connection checker gave no answer; text: why, and where it is.
    void checker_failed(std::string const& checker, std::string const& text);
    // client: as Ruby shows it.
    void client_port_unknown(std::string const& client);
    // The MTA's line was lost in a way that is not an ordinary end.
    void mta_lost(std::string_view why, std::string_view detail, std::string_view queue_id);

    // The packets themselves, at level trace; no child: of the MTA.
    bool traces() const { return log_.wants(observe::level::trace); }
    void received(std::optional<core::child_index> from, wire::frame const& packet,
                  std::string_view queue_id);
    // Whole packets.
    void sent(std::optional<core::child_index> to, std::string_view packets, std::string_view queue_id);
    // A piece of a body: only how large.
    void sent_piece(std::optional<core::child_index> to, std::size_t bytes, std::string_view queue_id);

private:
    // What every line of the session begins with.
    std::vector<observe::field> about(std::string_view queue_id,
                                      std::optional<core::child_index> child = {}) const;
    std::string const& name_of(core::child_index i) const { return rules_.children[i].name; }

    observe::log& log_;
    core::policy const& rules_;
    std::uint64_t session_;
};

} // namespace milter::proxy
