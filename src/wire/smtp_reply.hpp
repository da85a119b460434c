// An SMTP reply text that is already valid for every MTA (protocol 9) and cannot be built otherwise: 4xx or
// 5xx, one code on all lines, CRLF between lines only, % doubled.
#pragma once

#include "wire/error.hpp"

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace milter::wire {

class smtp_reply {
public:
    // A text from a filter, kept byte for byte when it satisfies the strictest common syntax.
    static tl::expected<smtp_reply, error> parse(std::string_view text);
    // A text of our own. code: 400-599, any other becomes 451; enhanced: "" or "4.7.1"-like and of the code's
    // class, else left out; text: one line, characters that no reply may hold become '?', '%' is doubled, cut
    // at 980 bytes. The result is always valid.
    static smtp_reply make(unsigned code, std::string_view enhanced, std::string_view text);

    unsigned code() const { return code_; }           // 400-599
    bool permanent() const { return code_ >= 500; }   // 5xx
    bool closes() const { return code_ == 421; }      // the MTA hangs up after it
    std::string const& text() const { return text_; } // as it stands in a `reply_code`, without the NUL
    friend bool operator==(smtp_reply const&, smtp_reply const&) = default;

private:
    smtp_reply(unsigned code, std::string text) : code_(code), text_(std::move(text)) {}
    unsigned code_;
    std::string text_;
};

} // namespace milter::wire
