// Replies of an SMTP server out of any chunking (RFC 5321 4.2), with limits on what a server can make us
// hold. Pure; never looks at what a reply means.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::tools::performance_check {

struct smtp_reply {
    unsigned code = 0;
    std::vector<std::string> lines; // without code and line end; at least one

    unsigned kind() const { return code / 100; }
    // "550 5.7.1 no", lines joined by " / ".
    std::string text() const;
};

class reply_reader {
public:
    static constexpr std::size_t longest_line = 4096;
    static constexpr std::size_t most_lines = 200;

    // Bytes of the server, in order.
    void feed(std::string_view bytes) { waiting_.append(bytes); }
    // A whole reply; nothing when more bytes are needed, or after what is no reply (see wrong()).
    std::optional<smtp_reply> next();
    // Why what came is no SMTP; "" while all is well.
    std::string const& wrong() const { return wrong_; }

private:
    bool take_line(std::string_view line);

    std::string waiting_;
    smtp_reply current_;
    bool whole_ = false;
    std::string wrong_;
};

} // namespace milter::tools::performance_check
