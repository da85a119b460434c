#include "tools/test_server/mail_file.hpp"

#include "wire/words.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

namespace milter::tools::test_server {

namespace {

constexpr std::int64_t largest_file = 1LL << 30;
constexpr std::size_t shown_of_line = 80;

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
            return tl::unexpected(
                fmt::format("invalid header: <{}>", wire::quoted(one->text.substr(0, shown_of_line))));
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
    auto const refused = [&](int number) {
        return tl::unexpected(number == ENOENT ? path + " does not exist."
                                               : path + ": " + std::generic_category().message(number));
    };
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file) return refused(errno);
    auto const too_large = [&] { return tl::unexpected(path + ": a mail has at most 1 GiB here"); };
    struct stat about {};
    if (::fstat(::fileno(file.get()), &about) == 0 && about.st_size > largest_file) return too_large();
    std::string bytes;
    for (std::array<char, 65536> some; !std::feof(file.get());) {
        bytes.append(some.data(), std::fread(some.data(), 1, some.size(), file.get()));
        if (std::ferror(file.get()) != 0) return refused(errno);
        if (std::cmp_greater(bytes.size(), largest_file)) return too_large();
    }
    return parse_mail(bytes);
}

} // namespace milter::tools::test_server
