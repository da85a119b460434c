// One session on real lines: feeds what happens to a core::session and performs what it asks for. Holds the
// lines, the timers and the spool; decides nothing. Everything on the thread of its io_context.
#pragma once

#include "core/session.hpp"
#include "io/deadline.hpp"
#include "io/line.hpp"
#include "observe/log.hpp"
#include "proxy/account.hpp"
#include "proxy/admission.hpp"
#include "proxy/client_check.hpp"
#include "proxy/health.hpp"
#include "proxy/meter.hpp"
#include "proxy/pool.hpp"
#include "proxy/recording/archive.hpp"
#include "proxy/report.hpp"
#include "proxy/rescue.hpp"
#include "proxy/resolver.hpp"
#include "proxy/ruby_workers.hpp"
#include "proxy/sight.hpp"
#include "proxy/spool.hpp"
#include "proxy/statistics.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace milter::proxy {

// What sessions are run with; replaced as a whole at a reload.
struct settings {
    std::shared_ptr<core::policy const> rules;
    std::shared_ptr<meter> figures;        // of these rules; nothing: nobody counts
    std::size_t body_memory = 1024 * 1024; // bytes
    std::string spool_directory = "/var/tmp";
    admission::limits places;                        // of the process
    std::chrono::milliseconds suspend_time{5'000};   // how long accepting pauses, unless a session ends
    std::shared_ptr<ruby_workers> ruby;              // of the same load; nothing when no rule asks a block
    std::shared_ptr<client_checkers const> checkers; // of the same load; nothing when there are none
    std::shared_ptr<recent> accounts;                // of messages, for who asks later; nothing: nobody may
    std::shared_ptr<archive> records;                // of sessions; nothing: none is recorded
    std::uint64_t maintenance_interval = 0; // sessions that end between two calls of its hooks; 0 = never
};

// What the sessions of a thread have in common that began under the same settings. Each keeps it for its
// life.
struct generation {
    settings with;
    core::session::memory known; // what children have said to offers (chain P3), by their place in the rules
};

// What a session shares with others; outlives it.
struct surroundings {
    std::shared_ptr<boost::asio::io_context> const& context;
    pool& ready;         // of this thread
    health& of_children; // of the process
    resolver& lists;     // of this thread
};

class session : public std::enable_shared_from_this<session> {
public:
    using on_finished = std::function<void(session&)>;

    session(std::shared_ptr<generation> of, observe::log& log, std::uint64_t number,
            surroundings const& around, on_finished finished);
    ~session();
    session(session const&) = delete;
    session& operator=(session const&) = delete;

    // Takes over the MTA's connection. `finished` is called once, from the io_context.
    void start(io::descriptor mta, core::mta_connected const& begun);
    // Whatever is not decided gets a temporary failure, and the session ends.
    void stop();
    // How long the MTA has said nothing between two messages; nothing while it has one.
    std::optional<core::microseconds> idle() const;
    // That it began with.
    settings const& with() const { return of_->with; }
    std::uint64_t number() const { return number_; }
    sight look() const;

private:
    // Who speaks on a line: the MTA, or the child of that index.
    struct peer final : io::line_user {
        peer(session& of, bool mta, core::child_index i) : owner(of), is_mta(mta), child(i) {}
        void on_connected(io::line&) override;
        void on_frame(io::line&, wire::frame const& packet) override;
        void on_frames_done(io::line&) override;
        void on_drained(io::line&) override;
        void on_lost(io::line&, io::lost why, std::string const& detail) override;
        // Nothing: the MTA.
        std::optional<core::child_index> as_child() const {
            return is_mta ? std::nullopt : std::optional(child);
        }

        session& owner;
        bool is_mta;
        core::child_index child;
        std::shared_ptr<io::line> line;
        bool tell_when_sent = false; // core waits for the body to leave the queue
        bool write_armed = false;
        std::string text;                  // that an event in later_ looks at
        std::unique_ptr<rescue> first_use; // of a connection out of the pool
        bool dialling = false;
        bool closed_dialling = false; // by core, which says next whether that is a failure
        bool answer_due = false;
    };

    static io::deadlines::key key_of(core::deadline const& which);
    static io::deadlines::key writing_key(core::child_index child); // until it has read what is sent

    void happened(core::event const& what);
    void handle(core::event const& what);
    void tell_core(core::event const& what);
    void flush();
    void flush(peer& one);
    void deadline(io::deadlines::key which);
    void mend(peer& one);
    void finish();
    void wait_for_answer(core::deadline const& which, bool waits);
    void lost_mta(std::string_view why, std::string_view detail);

    void perform(core::to_mta const&);
    void perform(core::to_child const&);
    void perform(core::connect_child const&);
    void perform(core::close_child const&);
    void perform(core::child_failed const&);
    void perform(core::close_mta const&);
    void perform(core::arm const&);
    void perform(core::disarm const&);
    void perform(core::keep const&);
    void perform(core::drop_body const&);
    void perform(core::forget_body const&);
    void perform(core::send_body const&);
    void perform(core::send_body_to_mta const&);
    void perform(core::ask_worker const&);
    void perform(core::look_up const&);
    void perform(core::check_client const&);
    void perform(core::client_gone const&);
    void perform(core::remember const&);
    void perform(core::message_done const&);
    void perform(core::session_decided const&);
    void perform(core::session_refused const&);
    void perform(core::child_answered const& what) { note(what); }
    void perform(core::child_skipped const& what) { note(what); }
    void perform(core::session_ended const& what) {
        statistics_(what);
        witness_(what);
    }
    void perform(core::child_left const& what) { statistics_(what); }
    void perform(core::header_told const& what) { statistics_(what, todo_); }
    void perform(core::quarantine_told const& what) { statistics_(what); }
    template <class Note>
    void perform(Note const& what) {
        report_(what);
    }
    template <class Note>
    void count(Note const& what) {
        if (of_->with.figures) of_->with.figures->count(what);
    }
    template <class Note>
    void note(Note const& what) {
        count(what);
        witness_(what);
    }
    void answered(std::uint32_t id, ruby_answer const& all);
    std::size_t send_from_file(peer& to, core::body_id body, std::uint64_t offset, std::size_t size);
    void send_piece(peer& to, char code, core::body_id body, std::uint64_t offset, std::size_t size);

    std::uint64_t number_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::shared_ptr<boost::asio::io_context> context_;
    pool& pool_;
    health& health_;
    resolver& lists_;
    std::shared_ptr<generation> of_;
    std::shared_ptr<core::policy const> rules_;
    shelf shelf_; // of the blocks, until the end of the message
    core::session core_;
    core::actions todo_;
    std::deque<core::event> later_;         // what performing an action has caused
    std::string trouble_;                   // text that an event in later_ looks at
    std::optional<core::body_id> not_kept_; // this body is incomplete: nothing of it goes anywhere
    report report_;
    statistics statistics_;
    witness witness_;
    std::unique_ptr<recorder> recorder_; // nothing: not of this session
    spool spool_;
    io::deadlines deadlines_;
    std::map<std::uint32_t, std::shared_ptr<resolver::look_up>> look_ups_; // by id
    std::unique_ptr<client_check> checks_;                                 // from the first one on
    peer mta_;
    std::chrono::steady_clock::time_point
        moment_; // of what core has been told last: the clock is read once for it
    std::chrono::steady_clock::time_point active_; // when the MTA has said something, or was told something
    std::vector<std::unique_ptr<peer>> children_;
    on_finished finished_;
};

} // namespace milter::proxy
