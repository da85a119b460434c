#include "tools/log_analyzer/verdict_headers.hpp"

#include <algorithm>
#include <string>

namespace milter::tools::log_analyzer {

namespace {

bool equal(std::string_view a, std::string_view b) {
    auto const lower = [](char one) { return one >= 'A' && one <= 'Z' ? static_cast<char>(one + 32) : one; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void set(findings& found, std::string_view source) {
    auto const at = std::ranges::find(report_sources, source);
    if (at != report_sources.end()) found.set(static_cast<std::size_t>(at - report_sources.begin()));
}

// "Yes, score=... tests=BAYES_99,URIBL_BLACK,... autolearn=no"
void read_spam_status(std::string_view value, findings& found) {
    auto const at = value.find("tests=");
    if (at == std::string_view::npos) return;
    auto tests = value.substr(at + 6);
    while (!tests.empty()) {
        auto const end = std::min(tests.find_first_of(", "), tests.size());
        if (tests.starts_with("URIBL_")) return set(found, "uribl");
        // The list goes on over folded lines: ", " and "\r\n\t" of the log come after a comma.
        if (end == tests.size() || tests[end] == ' ') return;
        tests.remove_prefix(end + 1);
        while (!tests.empty() && (tests.front() == ' ' || tests.starts_with("\\")))
            tests.remove_prefix(tests.front() == ' ' ? 1 : std::min<std::size_t>(2, tests.size()));
    }
}

void read_greylist(std::string_view value, findings& found) {
    if (value.starts_with("Message whitelisted by tarpit")) set(found, "tarpitting_pass");
    if (value.starts_with("Delayed for")) set(found, "greylisting_pass");
    if (value.starts_with("Sender is SPF-compliant") || value.starts_with("Sender passed SPF test"))
        set(found, "spf_pass");
}

// "HOST; spf=pass ...; dkim=neutral (verification failed) ..."
void read_authentication(std::string_view value, findings& found) {
    while (!value.empty()) {
        auto const end = std::min(value.find(';'), value.size());
        auto const part = trimmed(value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
        auto const equals = part.find('=');
        if (equals == std::string_view::npos) continue;
        auto method = std::string(trimmed(part.substr(0, equals)));
        std::ranges::replace(method, '-', '_');
        // Folded lines come as "\r\n\t" of the log.
        if (auto const fold = method.find_last_of("\\ "); fold != std::string::npos)
            method.erase(0, method[fold] == '\\' ? fold + 2 : fold + 1);
        auto const said = part.substr(equals + 1);
        auto const result = said.substr(0, std::min(said.find_first_of(" \t("), said.size()));
        if (result == "pass") set(found, method + "_pass");
        bool const failed = result == "fail" || result == "hardfail" ||
                            (result == "neutral" && said.find("(verification failed)") != said.npos);
        if (failed) set(found, method + "_fail");
    }
}

} // namespace

findings find_in(std::string_view name, std::string_view value) {
    findings found;
    value = trimmed(value);
    if (equal(name, "X-Spam") || equal(name, "X-Spam-Flag")) {
        if (equal(value, "yes")) set(found, "spam");
    } else if (equal(name, "X-Spam-Status")) {
        read_spam_status(value, found);
    } else if (equal(name, "X-Virus-Status")) {
        if (value.starts_with("Infected")) set(found, "virus");
    } else if (equal(name, "X-Greylist")) {
        read_greylist(value, found);
    } else if (equal(name, "Authentication-Results")) {
        read_authentication(value, found);
    }
    return found;
}

} // namespace milter::tools::log_analyzer
