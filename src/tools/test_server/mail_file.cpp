#include "tools/test_server/mail_file.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace milter::tools::test_server {

namespace {

struct line {
    std::string_view text;
    std::string_view end; // "\n", "\r\n", or "" at the end of the file
};

std::optional<line> take_line(std::string_view& rest) {
    if (rest.empty()) return std::nullopt;
    auto const feed = rest.find('\n');
    auto text = rest.substr(0, feed);
    auto const taken = feed == std::string_view::npos ? rest.size() : feed + 1;
    if (feed != std::string_view::npos && text.ends_with('\r')) text.remove_suffix(1);
    line const one{text, rest.substr(text.size(), taken - text.size())};
    rest.remove_prefix(taken);
    return one;
}

} // namespace

tl::expected<mail, std::string> parse_mail(std::string_view bytes) {
    mail found;
    std::string_view last_end;
    bool first = true;
    while (auto const one = take_line(bytes)) {
        if (std::exchange(first, false) && one->text.starts_with("From ")) continue;
        if (one->text.empty()) {
            found.body = bytes;
            return found;
        }
        bool const folded = one->text.front() == ' ' || one->text.front() == '\t';
        auto const colon = one->text.find(':');
        if (folded && !found.headers.empty()) {
            found.headers.back().value.append(last_end).append(one->text);
        } else if (folded || colon == std::string_view::npos || colon == 0) {
            return tl::unexpected(fmt::format("invalid header: <{}>", one->text));
        } else {
            auto value = one->text.substr(colon + 1);
            if (value.starts_with(' ')) value.remove_prefix(1);
            found.headers.push_back({std::string(one->text.substr(0, colon)), std::string(value)});
        }
        last_end = one->end;
    }
    return found;
}

tl::expected<mail, std::string> read_mail(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        int const number = errno;
        return tl::unexpected(number == ENOENT ? path + " does not exist."
                                               : path + ": " + std::generic_category().message(number));
    }
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) return tl::unexpected(path + ": cannot be read");
    return parse_mail(bytes);
}

} // namespace milter::tools::test_server
