// One mail over SMTP as a conversation: the server's replies in, what to do next out (RFC 5321, 3207, 4954).
// Knows no socket and no clock. The content is sent by the caller when it is told so.
#pragma once

#include "tools/performance_check/smtp_reply.hpp"

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace milter::tools::performance_check {

enum class starttls { automatic, always, disable };
enum class mechanism { automatic, plain, login, cram_md5 };

struct credentials {
    std::string user, password;
};

// How to speak to a server; the same for many mails.
struct manners {
    std::optional<std::string> client_name, client_address; // said by XCLIENT
    starttls encrypt = starttls::automatic;
    std::optional<credentials> login;
    mechanism how = mechanism::automatic;
};

struct envelope {
    std::string helo;
    std::string sender; // without <>; may be empty
    std::vector<std::string> recipients;
};

struct say {
    std::string text; // lines with their ends
};
struct start_tls {};
struct send_content {}; // and the dot, then hear() the reply
struct close_line {};   // it is over: see outcome()
using next_step = std::variant<say, start_tls, send_content, close_line>;

enum class result { sent, temporary_failure, reject, error };
struct outcome {
    result what = result::error;
    std::string text; // the reply that refused it, or what went wrong; "" when it was sent
};

class smtp_client {
public:
    smtp_client(manners const& with, envelope const& of);

    // The next thing to do after this reply; the first is the greeting.
    next_step hear(smtp_reply const& said);
    // After start_tls was done.
    next_step encrypted();
    // Nothing changes the outcome any more: only the farewell is left.
    bool decided() const { return step_ == step::quit; }
    // Valid then.
    outcome const& ended() const { return outcome_; }

private:
    enum class step { greeting, ehlo, helo, tls, xclient, auth, mail, rcpt, data, content, quit };

    next_step go(step to, std::string line);
    next_step after_hello();
    next_step authenticate();
    next_step heard_auth(smtp_reply const& said);
    next_step begin_mail();
    next_step refused(smtp_reply const& said);
    next_step fail(std::string why);
    next_step quit();
    bool offers(std::string_view keyword) const;
    bool offers_mechanism(std::string_view name) const;

    manners const& with_;
    envelope const& of_;
    step step_ = step::greeting;
    std::vector<std::string> offers_; // the lines of EHLO's reply
    bool encrypted_ = false, introduced_ = false, logged_in_ = false;
    mechanism chosen_ = mechanism::automatic;
    std::deque<std::string> credentials_left_;
    std::size_t next_recipient_ = 0;
    outcome outcome_;
};

// "user" and "password" as CRAM-MD5 wants them for this challenge (base64 in, base64 out; RFC 2195).
std::string cram_md5_answer(credentials const& who, std::string_view challenge);
std::string base64(std::string_view bytes);

} // namespace milter::tools::performance_check
