#include <milter/answer.hpp>
#include <milter/version.hpp>

#include "wire/options.hpp"
#include "wire/smtp_reply.hpp"

namespace milter {
inline namespace v3 {

// The public flags are the wire's.
static_assert(all_actions.bits() == wire::all_actions.bits() && all_steps.bits() == wire::all_steps.bits());

smtp_reply::smtp_reply(unsigned code, std::string_view enhanced, std::string_view text) {
    auto const made = wire::smtp_reply::make(code, enhanced, text);
    code_ = made.code();
    text_ = made.text();
}

std::optional<smtp_reply> smtp_reply::parse(std::string_view whole) {
    auto const parsed = wire::smtp_reply::parse(whole);
    if (!parsed) return std::nullopt;
    smtp_reply one;
    one.code_ = parsed->code();
    one.text_ = parsed->text();
    return one;
}

char const* library_version() {
    return MILTERXX_VERSION;
}

} // namespace v3
} // namespace milter
