// The mails to send: files as they lie there, or generated ones, each with its envelope. A file's body is not
// held in memory, so any size can be sent. Never opens a connection.
#pragma once

#include "tools/performance_check/smtp_client.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace milter::tools::performance_check {

struct mail {
    std::string name;                           // the file's path; "" of a generated one
    std::shared_ptr<std::string const> content; // nothing: it is in the file `name`
    std::uint64_t size = 0;                     // bytes
    envelope to;
};

struct addressing {
    std::string helo = "localhost.localdomain";           // when the mail names none
    std::vector<std::string> senders{"from@example.com"}; // taken in turn
    std::vector<std::string> recipients{"to@example.com"};
    bool force_sender = false, force_recipients = false; // also for a mail that names some
};

// The envelope that the mail's header names: From, To, Cc, and who said HELO in its first Received. text: its
// beginning. number: of the mail, for what is taken in turn.
envelope envelope_of(std::string_view text, addressing const& with, std::size_t number);

// paths: files and directories (all files in them, sorted); "-" is standard input. The error names the path.
tl::expected<std::vector<mail>, std::string> load_mails(std::vector<std::string> const& paths,
                                                        addressing const& with);
mail generated_mail(addressing const& with, std::size_t number, unsigned additional_lines);

// A message's bytes as DATA wants them (RFC 5321 4.5.2): CRLF line ends, a dot before a dot.
class dot_stuffer {
public:
    std::string take(std::string_view bytes);
    // What ends the message: the line end that is missing, and the dot.
    std::string end() const { return at_begin_ ? ".\r\n" : "\r\n.\r\n"; }

private:
    bool at_begin_ = true; // of a line
    bool after_cr_ = false;
};

} // namespace milter::tools::performance_check
