// What became of one message, for who asks later: plain values, and a bounded ring of them that the worker
// threads share. Nothing in it is escaped; texts of peers are cut. Decides nothing, logs nothing.
#pragma once

#include "core/action.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::proxy {

struct child_account {
    std::string name;
    std::string endpoint;
    bool evaluation_mode = false;
    std::string said; // as core::child_result has it
    core::microseconds took{0};
    std::size_t edits = 0;
    std::size_t refused_recipients = 0; // by this child
    std::optional<core::stage> at;      // of what follows
    std::string condition;              // skipped by, with its FILE:LINE
    std::string reason;                 // it failed because
    std::string costs;                  // then: the fallback
};

struct account {
    std::uint64_t session = 0;
    std::string queue_id;
    std::string client;
    std::string host;
    std::string sender;
    std::size_t recipients = 0;
    std::size_t refused_recipients = 0;
    std::uint64_t size = 0; // of the body, in bytes
    std::string verdict;    // "pass", ..., "aborted"
    std::string reply;      // its text, "" when the MTA has its own
    std::string stage;
    std::string decided_by; // the child
    bool quarantined = false;
    std::vector<child_account> children;
    std::vector<std::string> notes;

    std::size_t bytes() const; // that it holds
};

// Safe to use from several threads.
class recent {
public:
    // every_session: also of one that had no message.
    explicit recent(std::size_t messages, bool every_session = false)
        : most_(messages), every_session_(every_session) {}

    // No more than so many from now on, of so many times bytes_each bytes together.
    void allow(std::size_t messages);
    bool wanted() const;
    bool wants_every_session() const { return every_session_; }
    void keep(account one);
    // The newest of that queue id, or else of that session number.
    std::optional<account> find(std::string_view id) const;
    std::vector<account> all() const; // the oldest first

    static constexpr std::size_t bytes_each = 4096;

private:
    void shrink();

    std::mutex mutable mutex_;
    std::deque<account> kept_;
    std::size_t bytes_ = 0;
    std::size_t most_;
    bool const every_session_;
};

// Gathers the accounts of one session from what core tells.
class witness {
public:
    // to: nothing when nobody wants them. rules outlive it.
    witness(std::shared_ptr<recent> to, core::policy const& rules, std::uint64_t session);

    void operator()(core::child_answered const& what);
    void operator()(core::child_skipped const& what);
    void operator()(core::child_failed const& what);
    void operator()(core::message_done const& what);
    void operator()(core::session_decided const& what);
    void operator()(core::session_ended const& what);
    void odd(core::child_index child, std::string text);

private:
    account begin() const;
    void add_known(account& to) const;

    std::shared_ptr<recent> to_;
    core::policy const& rules_;
    std::uint64_t session_;
    std::vector<child_account> known_; // of the session; empty until anything is
    std::vector<std::string> notes_;
    bool kept_ = false;

    child_account& of(core::child_index i);
};

} // namespace milter::proxy
