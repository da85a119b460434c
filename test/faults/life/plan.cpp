#include "faults/life/plan.hpp"

#include "oracle/dice.hpp"

namespace milter::life {

namespace {

using oracle::dice;

std::string lines(std::string_view what, std::uint64_t number, std::size_t count) {
    std::string const line = std::string(what) + " body of session " + std::to_string(number) + "\r\n";
    std::string text;
    text.reserve(line.size() * count);
    for (std::size_t i = 0; i < count; ++i)
        text += line;
    return text;
}

// Those that wait for a time limit are few: they are what takes long.
fault pick_fault(dice& from) {
    constexpr std::array quick{fault::closes, fault::resets, fault::cuts, fault::unknown_letter,
                               fault::absurd_length};
    constexpr std::array slow{fault::stalls, fault::stalls_inside, fault::is_deaf};
    return from.percent(92) ? from.of(quick) : from.of(slow);
}

manner pick_manner(dice& from) {
    constexpr std::array quick{manner::leaves, manner::vanishes, manner::resets, manner::cuts,
                               manner::talks_rubbish};
    constexpr std::array slow{manner::stalls, manner::stalls_inside, manner::is_deaf};
    auto const n = from.below(1000);
    if (n < 600) return manner::proper;
    if (n < 700) return manner::pipelines;
    if (n < 780) return manner::aborts;
    return n < 992 ? from.of(quick) : from.of(slow);
}

// Mostly a short text; some that go to a file, in the manager and in its sockets.
std::size_t pick_lines(dice& from) {
    if (from.percent(20)) return 0;
    if (from.percent(5)) return 200 + from.below(8'000);
    return 1 + from.below(40);
}

} // namespace

plan plan_of(std::uint64_t seed, std::uint64_t number) {
    dice from(oracle::stir(seed) ^ oracle::stir(number));
    plan it;
    it.number = number;
    it.mta = pick_manner(from);
    it.turn = from.below(1'000);
    constexpr std::string_view letters = "CHMRTLNBE";
    std::size_t const troubles = from.percent(45) ? (from.percent(15) ? 2 : 1) : 0;
    for (std::size_t i = 0; i < troubles; ++i) {
        auto const child = from.below(cast.size());
        if (i == 0 || child != it.troubles[0].child)
            it.troubles.push_back({child, letters[from.below(letters.size())], pick_fault(from)});
    }
    it.mails = 1 + (from.percent(30) ? 1 + from.below(3) : 0);
    it.body_lines = pick_lines(from);
    if (from.percent(25)) it.new_body_lines = pick_lines(from);
    if (from.percent(4)) it.slow_child = from.below(cast.size());
    it.postfix = from.percent(50);
    return it;
}

std::optional<fault> fault_at_offer(std::uint64_t seed, std::size_t child, std::uint64_t connection) {
    dice from(oracle::stir(seed + child) ^ oracle::stir(~connection));
    if (!from.percent(1)) return {};
    return pick_fault(from);
}

std::string plan::body() const {
    return lines("old", number, body_lines);
}
std::string plan::new_body() const {
    return lines("new", number, new_body_lines.value_or(0));
}

std::string plan::text() const {
    auto said = "session " + std::to_string(number) + ": the MTA " +
                std::string(manner_names[static_cast<std::size_t>(mta)]) + " (" + std::to_string(turn) +
                "), mails " + std::to_string(mails) + ", lines " + std::to_string(body_lines);
    if (new_body_lines) said += " -> " + std::to_string(*new_body_lines);
    for (auto const& one : troubles)
        said += ", " + std::string(cast[one.child].name) + " " +
                std::string(fault_names[static_cast<std::size_t>(one.how)]) + " at " + one.at;
    return said;
}

} // namespace milter::life
