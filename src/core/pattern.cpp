#include "core/pattern.hpp"

#include <algorithm>
#include <array>

#include <oniguruma.h>

namespace milter::core {

namespace {

// Backtracking steps of one match: a few milliseconds.
constexpr unsigned long most_steps = 200'000;

void initialise() {
    static bool const done = [] {
        std::array<OnigEncoding, 2> encodings{ONIG_ENCODING_UTF8, ONIG_ENCODING_ASCII};
        onig_initialize(encodings.data(), static_cast<int>(encodings.size()));
        onig_set_retry_limit_in_match(most_steps);
        onig_set_retry_limit_in_search(most_steps);
        return true;
    }();
    static_cast<void>(done);
}

OnigUChar const* begin_of(std::string_view text) {
    return reinterpret_cast<OnigUChar const*>(text.data());
}

OnigOptionType options_of(std::string_view letters) {
    OnigOptionType all = ONIG_OPTION_NONE;
    for (char const letter : letters) {
        if (letter == 'i') all |= ONIG_OPTION_IGNORECASE;
        if (letter == 'm') all |= ONIG_OPTION_MULTILINE;
        if (letter == 'x') all |= ONIG_OPTION_EXTEND;
    }
    return all;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_below(std::string_view name, std::string_view domain) {
    if (name.size() < domain.size()) return false;
    auto const rest = name.size() - domain.size();
    return equal_ignoring_case(name.substr(rest), domain) && (rest == 0 || name[rest - 1] == '.');
}

} // namespace

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return lower;
}

// Compiled twice: texts that are not UTF-8 are looked at byte by byte.
struct regexp::compiled {
    regex_t* of_utf8 = nullptr;
    regex_t* of_bytes = nullptr;

    compiled() = default;
    compiled(compiled const&) = delete;
    compiled& operator=(compiled const&) = delete;
    ~compiled() {
        if (of_utf8) onig_free(of_utf8);
        if (of_bytes) onig_free(of_bytes);
    }
};

tl::expected<regexp, std::string> regexp::compile(std::string_view source, std::string_view options) {
    initialise();
    if (auto const odd = options.find_first_not_of("imx"); odd != std::string_view::npos)
        return tl::unexpected("no option of a regular expression: " + std::string(1, options[odd]) +
                              "; i, m and x are allowed");
    auto made = std::make_shared<compiled>();
    OnigErrorInfo detail{};
    auto const begin = begin_of(source);
    auto const end = begin + source.size();
    int failed = onig_new(&made->of_utf8, begin, end, options_of(options), ONIG_ENCODING_UTF8,
                          ONIG_SYNTAX_RUBY, &detail);
    if (failed == ONIG_NORMAL)
        onig_new(&made->of_bytes, begin, end, options_of(options), ONIG_ENCODING_ASCII, ONIG_SYNTAX_RUBY,
                 &detail); // fails for what only UTF-8 has: then bytes that are no UTF-8 never match
    if (failed != ONIG_NORMAL) {
        std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> text{};
        auto const size = onig_error_code_to_str(text.data(), failed, &detail);
        return tl::unexpected(std::string(reinterpret_cast<char const*>(text.data()),
                                          static_cast<std::size_t>(std::max(size, 0))));
    }
    regexp whole;
    whole.of_ = std::move(made);
    return whole;
}

std::optional<bool> regexp::matches(std::string_view text) const {
    auto const begin = begin_of(text);
    auto const end = begin + text.size();
    bool const utf8 = onigenc_is_valid_mbc_string(ONIG_ENCODING_UTF8, begin, end) != 0;
    auto* const machine = utf8 ? of_->of_utf8 : of_->of_bytes;
    if (!machine) return false;
    auto const found = onig_search(machine, begin, end, begin, end, nullptr, ONIG_OPTION_NONE);
    if (found >= 0) return true;
    if (found == ONIG_MISMATCH) return false;
    return std::nullopt;
}

std::optional<bool> pattern_list::matches(std::string_view text) const {
    struct look {
        std::string_view text;
        std::optional<bool> operator()(pattern::same const& one) const {
            return one.exact ? one.text == text : equal_ignoring_case(one.text, text);
        }
        std::optional<bool> operator()(pattern::below const& one) const { return is_below(text, one.domain); }
        std::optional<bool> operator()(pattern::words const& all) const {
            return all.contains(lower_case(text));
        }
        std::optional<bool> operator()(network const& one) const {
            auto const address = parse_address(text);
            return address && one.contains(*address);
        }
        std::optional<bool> operator()(regexp const& one) const { return one.matches(text); }
    };
    for (auto const& one : entries_) {
        auto const found = std::visit(look{text}, one.what);
        if (!found) return std::nullopt;
        if (*found != one.negated) return one.result;
    }
    return false;
}

} // namespace milter::core
