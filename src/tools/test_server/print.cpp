#include "tools/test_server/print.hpp"

#include "tools/test_server/difference.hpp"

#include <fmt/format.h>

namespace milter::tools::test_server {

namespace {

constexpr std::size_t title_width = 39;

class page {
public:
    explicit page(bool color) : color_(color) {}

    void title(std::string_view name) {
        text_ += fmt::format("{:-<{}}\n", fmt::format("{}:", name), title_width);
    }

    // One line, or several for a folded value: each with the sign, each in the colour.
    void lines(change how, std::string_view content) {
        for (std::size_t begin = 0; begin <= content.size();) {
            auto const end = std::min(content.find('\n', begin), content.size());
            line(how, content.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    void raw(std::string_view bytes) { text_ += bytes; }
    std::string take() { return std::move(text_); }

private:
    void line(change how, std::string_view content) {
        bool const colored = color_ && how != change::kept;
        if (colored) text_ += how == change::added ? "\033[01;32m" : "\033[01;31m";
        text_ += static_cast<char>(how);
        text_ += ' ';
        text_ += content;
        if (colored) text_ += "\033[00m";
        text_ += '\n';
    }

    bool color_;
    std::string text_;
};

// The next word, off the front with the blank behind it.
std::string_view take_word(std::string_view& text) {
    auto const end = std::min(text.find(' '), text.size());
    auto const word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

// protocol 9: a text on the wire has its % doubled.
std::string without_doubling(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        out += text[at];
        if (text[at] == '%' && at + 1 < text.size() && text[at + 1] == '%') ++at;
    }
    return out;
}

} // namespace

std::string reply_text(std::string_view reply) {
    if (reply.empty()) return "";
    std::string extended;
    std::string message;
    auto const code = reply.substr(0, 3);
    for (bool first = true; !reply.empty(); first = false) {
        auto const end = std::min(reply.find('\n'), reply.size());
        auto line = reply.substr(0, end);
        reply.remove_prefix(std::min(end + 1, reply.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        line.remove_prefix(std::min<std::size_t>(4, line.size()));
        auto const word = first || line.substr(0, line.find(' ')) == extended ? take_word(line) : "";
        if (first)
            extended = word;
        else
            message += '\n';
        message += line;
    }
    return fmt::format(" [{}]<{}>({})", code, extended, without_doubling(message));
}

std::string result_text(result const& of) {
    auto text = fmt::format("status: {}{}\nelapsed-time: {:g} seconds\n", of.status, reply_text(of.reply),
                            of.seconds);
    if (of.mail.quarantine_reason)
        text += fmt::format("Quarantine reason: <{}>\n", *of.mail.quarantine_reason);
    return text;
}

std::string message_text(message const& mail, bool color) {
    page out(color);
    out.title("Envelope");
    auto const from = [](std::string_view address) { return fmt::format("MAIL FROM:{}", address); };
    bool const same_sender = !mail.new_sender || *mail.new_sender == mail.sender;
    out.lines(same_sender ? change::kept : change::removed, from(mail.sender));
    if (!same_sender) out.lines(change::added, from(*mail.new_sender));
    for (auto const& one : mail.recipients)
        out.lines(one.is == recipient::fate::kept      ? change::kept
                  : one.is == recipient::fate::removed ? change::removed
                                                       : change::added,
                  fmt::format("RCPT TO:{}", one.address));
    out.title("Header");
    for (auto const& one : difference(mail.original_headers, mail.headers))
        out.lines(one.how, fmt::format("{}: {}", one.field.name, one.field.value));
    out.title("Body");
    out.raw(mail.final_body());
    out.raw("\n");
    return out.take();
}

} // namespace milter::tools::test_server
