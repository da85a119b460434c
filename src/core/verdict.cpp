#include "core/verdict.hpp"

namespace milter::core {

verdict verdict::shutdown() {
    return of(wire::smtp_reply::make(421, "4.7.0", "Service unavailable, closing connection"));
}

std::optional<verdict> verdict_of(fallback costs) {
    switch (costs) {
    case fallback::accept:
    case fallback::quarantine:
        return {};
    case fallback::reject:
        return verdict::of(verdict::kind::reject);
    case fallback::temp_fail:
        return verdict::of(verdict::kind::temp_fail);
    case fallback::discard:
        return verdict::of(verdict::kind::discard);
    case fallback::shutdown:
        return verdict::shutdown();
    }
    return {};
}

std::string_view name_of(verdict const& said) {
    switch (said.what) {
    case verdict::kind::go_on:
        return "pass";
    case verdict::kind::accept:
        return "accept";
    case verdict::kind::reject:
        return "reject";
    case verdict::kind::temp_fail:
        return "temporary-failure";
    case verdict::kind::discard:
        return "discard";
    case verdict::kind::reply:
        return said.text->permanent() ? "reject" : "temporary-failure";
    }
    return "pass";
}

std::string_view name_of(fallback costs) {
    switch (costs) {
    case fallback::accept:
        return "accept";
    case fallback::reject:
        return "reject";
    case fallback::temp_fail:
        return "temporary-failure";
    case fallback::discard:
        return "discard";
    case fallback::shutdown:
        return "shutdown";
    case fallback::quarantine:
        return "quarantine";
    }
    return "accept";
}

void encode(std::string& out, verdict const& said) {
    using wire::answer;
    switch (said.what) {
    case verdict::kind::go_on:
        return wire::encode(out, wire::decision{answer::go_on});
    case verdict::kind::accept:
        return wire::encode(out, wire::decision{answer::accept});
    case verdict::kind::reject:
        return wire::encode(out, wire::decision{answer::reject});
    case verdict::kind::temp_fail:
        return wire::encode(out, wire::decision{answer::temp_fail});
    case verdict::kind::discard:
        return wire::encode(out, wire::decision{answer::discard});
    case verdict::kind::reply:
        return wire::encode(out, wire::reply_code{said.text->text()});
    }
}

outcome count(std::span<ballot const> ballots) {
    for (std::size_t i = 0; i < ballots.size(); ++i) {
        if (ballots[i].at == ballot::state::decided) return {outcome::state::decided, i};
        if (ballots[i].at != ballot::state::passed) return {outcome::state::open, 0};
    }
    return {outcome::state::passed, 0};
}

} // namespace milter::core
