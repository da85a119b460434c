// A milter: derive from `handler`, override the steps that matter, serve it (milter/serve.hpp). One object is
// one SMTP session; its functions are called one after another on the one thread of its server. They must not
// block: answer `later`. An exception that leaves one costs a temp_fail at this step and is reported.
#pragma once

#include <milter/answer.hpp>
#include <milter/api.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace milter {
inline namespace v3 {

class session_link; // the library's side of a session

// Changes to a message, possible at its end only. Each returns false, and changes nothing, when the MTA did
// not agree to changes of this kind or when the values cannot be: a NUL anywhere, a header name that is empty
// or has a colon, a blank or a control character, line breaks in an address or a reason. Header values:
// folded lines are separated by LF. Valid until the answer is given; on the server's thread only.
class MILTERXX_API edits {
public:
    bool add_header(std::string_view name, std::string_view value);
    // index: 0 = before everything; beyond the end = at the end.
    bool insert_header(std::uint32_t index, std::string_view name, std::string_view value);
    // The index-th field of this name, from 1; adds one when there is none. An empty value deletes.
    bool change_header(std::uint32_t index, std::string_view name, std::string_view value);
    bool delete_header(std::uint32_t index, std::string_view name);
    // The first call drops the old body, each appends to the new one. Lines end in CRLF.
    bool replace_body(std::string_view bytes);
    // Addresses as in MAIL and RCPT, "<a@example.com>"; arguments: ESMTP parameters separated by blanks.
    bool add_recipient(std::string_view address, std::optional<std::string_view> arguments = {});
    bool delete_recipient(std::string_view address);
    bool change_sender(std::string_view address, std::optional<std::string_view> arguments = {});
    bool quarantine(std::string_view reason);
    // Tells the MTA at once that the milter is still at work, so that it goes on waiting.
    void progress();

private:
    friend class session_link;
    explicit edits(void* all) : all_(all) {}
    void* all_;
};

// The promise of an answer. Copies are the same promise; every function may be called by any thread, at any
// time, also when the session has ended meanwhile (then nothing happens). A promise that is never kept is a
// session that waits until its MTA gives up.
class MILTERXX_API deferred {
public:
    // The first call counts. change: called on the server's thread before the answer, at the end of a message
    // only. An answer that is not legal at the step counts as go_on.
    void resume(body_answer decided, std::function<void(edits&)> change = {}) const;
    // As edits::progress(); at the end of a message only.
    void progress() const;

private:
    friend class session_link;
    struct promise;
    explicit deferred(std::shared_ptr<promise const> what) : what_(std::move(what)) {}
    std::shared_ptr<promise const> what_;
};

// Who connected to the MTA. The texts of this and all other steps are valid only during the call.
struct client {
    enum class kind { unknown, unix_socket, inet, inet6 };
    std::string_view host; // a name, or the address in brackets
    kind family = kind::unknown;
    std::string_view address; // "192.0.2.1", "2001:db8::1", a path, "" for unknown
    std::uint16_t port = 0;   // host byte order; 0 = unknown
};
// ESMTP parameters, "SIZE=1000".
using arguments = std::span<std::string_view const>;

class MILTERXX_API handler {
public:
    handler() = default;
    handler(handler const&) = delete;
    handler& operator=(handler const&) = delete;
    virtual ~handler();

    // Once a connection of the MTA, before everything.
    virtual negotiate_answer on_negotiate(agreement const& offer);
    virtual connect_answer on_connect(client const& who);
    virtual connect_answer on_helo(std::string_view name);
    // address: as the client wrote it, usually in <>. A new message begins.
    virtual answer on_mail(std::string_view address, arguments parameters);
    // A refusal is about this recipient only; accept and discard are about the message.
    virtual answer on_rcpt(std::string_view address, arguments parameters);
    virtual answer on_data();
    // A line that the MTA took for no command.
    virtual unknown_answer on_unknown(std::string_view line);
    // value: folded lines are separated by LF; without the blank behind the colon (step::leading_space: with
    // it).
    virtual answer on_header(std::string_view name, std::string_view value);
    virtual answer on_end_of_headers();
    // Pieces end anywhere, also between CR and LF.
    virtual body_answer on_body(std::string_view piece);
    virtual answer on_end_of_message(edits& message);
    // The message is over before its end, or there was none; the session goes on.
    virtual void on_abort();
    // What came is not the milter protocol; the connection is closed and on_quit() follows.
    virtual void on_error(std::string_view what);
    // The session is over, politely or because the connection is lost. The last call.
    virtual void on_quit();

protected:
    // For use in the functions above, not in constructors and destructors: then there is no session.

    // As told at this or an earlier step; name with or without braces. Valid during the call.
    std::optional<std::string_view> macro(std::string_view name) const;
    agreement agreed() const;
    // To be kept before `later` is returned.
    deferred defer();

private:
    friend class session_link;
    session_link* link_ = nullptr;
};

// Makes the handler of each session; on the server's thread.
using maker = std::function<std::unique_ptr<handler>()>;

} // namespace v3
} // namespace milter
