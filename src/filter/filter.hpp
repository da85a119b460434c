// A milter: derive from `filter`, override the steps that matter, and serve it (filter/serve.hpp). One object
// is one SMTP session; its functions are called one after another on one thread. Must not block: answer
// `later`.
#pragma once

#include "filter/answer.hpp"
#include "filter/edits.hpp"
#include "wire/command.hpp"

#include <string_view>

namespace milter::filter {

// All texts are bytes without a charset and valid only during the call. A message may end at any time by
// on_abort() or on_quit(), or by a new on_mail() or on_helo().
class filter {
public:
    virtual ~filter() = default;

    // Once a connection, before everything; not for later sessions on the same connection.
    virtual negotiate_answer on_negotiate(wire::negotiate const& /*offer*/) { return wish{}; }

    virtual connect_answer on_connect(wire::connect const& /*client*/) { return go_on{}; }
    virtual connect_answer on_helo(wire::helo const& /*client*/) { return go_on{}; }
    virtual answer on_mail(wire::mail const& /*sender*/) { return go_on{}; }
    // A refusal is about this recipient only; accept and discard are about the message.
    virtual answer on_rcpt(wire::rcpt const& /*recipient*/) { return go_on{}; }
    virtual answer on_data() { return go_on{}; }
    virtual unknown_answer on_unknown(wire::unknown const& /*command*/) { return go_on{}; }
    virtual answer on_header(wire::header const& /*field*/) { return go_on{}; }
    virtual answer on_end_of_headers() { return go_on{}; }
    // Pieces end anywhere, also between CR and LF.
    virtual body_answer on_body(wire::body const& /*piece*/) { return go_on{}; }
    // The edits are valid until the answer is given, also when that is later.
    virtual answer on_end_of_message(edits& /*message*/) { return go_on{}; }

    // The message is over; the session goes on. Also without a message (protocol 6.4).
    virtual void on_abort() {}
    // What came is not the milter protocol; the connection is closed and on_quit() follows.
    virtual void on_error(std::string_view /*what*/) {}
    // The session is over, politely or because the connection is lost. The last call.
    virtual void on_quit() {}
};

} // namespace milter::filter
