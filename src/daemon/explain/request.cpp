#include "daemon/explain/request.hpp"

#include "core/network.hpp"
#include "wire/words.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

namespace milter::daemon::explain {

namespace {

constexpr std::size_t largest_file = 256 * 1024 * 1024;

std::string_view take_line(std::string_view& rest) {
    auto const feed = rest.find('\n');
    auto line = rest.substr(0, feed);
    rest.remove_prefix(feed == std::string_view::npos ? rest.size() : feed + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

tl::expected<mail, std::string> parsed(std::string_view rest) {
    mail made;
    if (rest.starts_with("From ")) take_line(rest);
    while (!rest.empty()) {
        auto const line = take_line(rest);
        if (line.empty()) break;
        auto const colon = line.find(':');
        if (line.front() == ' ' || line.front() == '\t') {
            if (made.headers.empty())
                return tl::unexpected(std::string("the first header field begins with a blank"));
            made.headers.back().second.append("\n").append(line);
        } else if (colon == std::string_view::npos || colon == 0) {
            return tl::unexpected("no header field: \"" + wire::quoted(line.substr(0, 80)) + "\"");
        } else {
            auto value = line.substr(colon + 1);
            if (value.starts_with(' ')) value.remove_prefix(1);
            made.headers.emplace_back(line.substr(0, colon), value);
        }
    }
    while (!rest.empty())
        made.body.append(take_line(rest)).append("\r\n");
    return made;
}

} // namespace

std::string problem_of(request const& what) {
    if (what.client.empty() || what.from.empty() || what.to.empty())
        return "--explain needs --client, --from and --to";
    if (!core::parse_address(what.client))
        return "--client: \"" + what.client + "\" is no IP address, e.g. 192.0.2.1";
    return {};
}

tl::expected<mail, std::string> read_mail(request const& what) {
    if (what.mail_file.empty())
        return parsed("From: " + what.from + "\nTo: " + what.to.front() +
                      "\nSubject: milter-manager --explain\n\nThis mail is not delivered.\n");
    auto const failed = [&](std::string const& why) { return tl::unexpected(what.mail_file + ": " + why); };
    std::string const too_large = "is larger than 256 MiB";
    std::error_code unknown; // of a pipe
    if (auto const size = std::filesystem::file_size(what.mail_file, unknown);
        !unknown && size > largest_file)
        return failed(too_large);
    std::ifstream file(what.mail_file, std::ios::binary);
    if (!file) return failed(std::strerror(errno));
    std::string bytes;
    std::string piece(64 * 1024, '\0');
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0) {
        bytes.append(piece, 0, static_cast<std::size_t>(file.gcount()));
        if (bytes.size() > largest_file) return failed(too_large);
    }
    if (file.bad()) return failed("cannot be read");
    if (auto made = parsed(bytes))
        return made;
    else
        return failed(made.error());
}

} // namespace milter::daemon::explain
