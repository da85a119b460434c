#include "tools/performance_check/mail.hpp"

#include "tools/test_server/address.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

namespace milter::tools::performance_check {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t header_looked_at = 256 * 1024;
constexpr std::size_t most_of_standard_input = 256 * 1024 * 1024;
constexpr std::size_t most_recipients = 1000;

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Nothing that a mail says may become a second command.
bool sendable(std::string const& address) {
    return address.size() < 500 && std::ranges::all_of(address, [](unsigned char one) {
               return one > 0x20 && one != 0x7f && one != '<' && one != '>';
           });
}

// Calls `take` with each field of the header, unfolded.
template <class Taker>
void each_field(std::string_view text, Taker const& take) {
    std::string name, value;
    auto const finish = [&] {
        if (!name.empty()) take(name, value);
        name.clear();
    };
    bool first = true;
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (std::exchange(first, false) && line.starts_with("From ")) continue; // mbox
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t') {
            value += line;
            continue;
        }
        finish();
        auto const colon = line.find(':');
        if (colon == std::string_view::npos) break; // no header any more
        name = line.substr(0, colon);
        value = line.substr(colon + 1);
    }
    finish();
}

// "from NAME" of a Received field.
std::string helo_in(std::string_view received) {
    auto const at = received.find("from ");
    if (at == std::string_view::npos) return {};
    auto const name = received.substr(at + 5);
    return std::string(
        name.substr(0, std::min(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz."), name.size())));
}

std::string beginning_of(std::string const& path, std::uint64_t& size, std::string& why) {
    std::error_code failed;
    size = fs::file_size(path, failed);
    std::ifstream file(path, std::ios::binary);
    if (failed || !file) {
        why = failed ? failed.message() : std::strerror(errno);
        return {};
    }
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(size, header_looked_at)), '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

tl::expected<std::vector<std::string>, std::string> files_of(std::string const& path) {
    std::error_code failed;
    auto const what = fs::status(path, failed);
    if (!fs::exists(what)) return tl::unexpected(path + " does not exist.");
    if (!fs::is_directory(what)) return std::vector{path};
    std::vector<std::string> found;
    for (fs::recursive_directory_iterator at(path, failed), none; !failed && at != none; at.increment(failed))
        if (at->is_regular_file()) found.push_back(at->path().string());
    if (failed) return tl::unexpected(fmt::format("cannot read {}: {}", path, failed.message()));
    if (found.empty()) return tl::unexpected(fmt::format("there is no file in {}", path));
    std::ranges::sort(found);
    return found;
}

tl::expected<mail, std::string> standard_input(addressing const& with) {
    auto text = std::make_shared<std::string>();
    char buffer[65536];
    for (;;) {
        auto const got = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (got < 0)
            return tl::unexpected(fmt::format("cannot read standard input: {}", std::strerror(errno)));
        if (got == 0) break;
        text->append(buffer, static_cast<std::size_t>(got));
        if (text->size() > most_of_standard_input)
            return tl::unexpected<std::string>("the mail on standard input is too large; put it into a file");
    }
    mail one{.name = "-", .content = text, .size = text->size(), .to = {}};
    one.to = envelope_of(*text, with, 0);
    return one;
}

std::string date_now() {
    std::time_t const now = std::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &parts);
    return text;
}

} // namespace

envelope envelope_of(std::string_view text, addressing const& with, std::size_t number) {
    envelope found;
    found.helo = with.helo;
    bool sender_known = false, helo_known = false;
    each_field(text, [&](std::string const& name, std::string const& value) {
        if (!helo_known && same_name(name, "Received")) {
            auto said = helo_in(value);
            if (!said.empty()) found.helo = std::move(said);
            helo_known = true;
        } else if (!sender_known && same_name(name, "From")) {
            auto const all = test_server::addresses_of(value);
            sender_known = !all.empty() && sendable(all.front());
            if (sender_known) found.sender = all.front();
        } else if (same_name(name, "To") || same_name(name, "Cc")) {
            for (auto const& one : test_server::addresses_of(value))
                if (!one.empty() && sendable(one) && found.recipients.size() < most_recipients)
                    found.recipients.push_back(one);
        }
    });
    if (with.force_sender || !sender_known) found.sender = with.senders[number % with.senders.size()];
    if (with.force_recipients || found.recipients.empty()) found.recipients = with.recipients;
    return found;
}

tl::expected<std::vector<mail>, std::string> load_mails(std::vector<std::string> const& paths,
                                                        addressing const& with) {
    std::vector<mail> all;
    for (auto const& path : paths) {
        if (path == "-") {
            auto one = standard_input(with);
            if (!one) return tl::unexpected(one.error());
            all.push_back(std::move(*one));
            continue;
        }
        auto const files = files_of(path);
        if (!files) return tl::unexpected(files.error());
        for (auto const& file : *files) {
            mail one{.name = file, .content = nullptr, .size = 0, .to = {}};
            std::string why;
            auto const text = beginning_of(file, one.size, why);
            if (!why.empty()) return tl::unexpected(fmt::format("cannot read {}: {}", file, why));
            one.to = envelope_of(text, with, all.size());
            all.push_back(std::move(one));
        }
    }
    return all;
}

mail generated_mail(addressing const& with, std::size_t number, unsigned additional_lines) {
    auto const& sender = with.senders[number % with.senders.size()];
    auto const date = date_now();
    auto const id = fmt::format("{}.{}.{}@{}", std::time(nullptr), ::getpid(), number, with.helo);
    auto text =
        fmt::format("Return-Path: <{0}>\r\n"
                    "Received: from {1} (localhost [127.0.0.1])\r\n\tby {1} with ESMTP id {2};\r\n\t{3}\r\n"
                    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                    "Content-Transfer-Encoding: 7bit\r\nX-Mailer: milter-performance-check\r\n"
                    "Message-Id: <{4}>\r\nSubject: test mail\r\nFrom: {0}\r\nTo: {5}\r\nDate: {3}\r\n\r\n",
                    sender, with.helo, number, date, id, fmt::join(with.recipients, ", "));
    text += "Hi,\r\n\r\nThis mail is sent by milter-performance-check.\r\n";
    for (unsigned line = 0; line < additional_lines; ++line)
        text += "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n";
    auto const size = text.size();
    return {.name = "",
            .content = std::make_shared<std::string const>(std::move(text)),
            .size = size,
            .to = {with.helo, sender, with.recipients}};
}

std::string dot_stuffer::take(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 32);
    for (char const one : bytes) {
        if (one == '\n') {
            out += after_cr_ ? "\n" : "\r\n";
            at_begin_ = true;
            after_cr_ = false;
            continue;
        }
        if (after_cr_) out += '\n'; // a CR alone, which no line may hold
        if (after_cr_) at_begin_ = true;
        if (one == '.' && at_begin_) out += '.';
        out += one;
        after_cr_ = one == '\r';
        at_begin_ = false;
    }
    return out;
}

} // namespace milter::tools::performance_check
