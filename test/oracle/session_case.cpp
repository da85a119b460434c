#include "oracle/session_case.hpp"

#include "oracle/dice.hpp"

#include <array>
#include <string_view>

namespace milter::oracle {

namespace {

struct bits {
    char code;
    std::uint32_t opt_out;
    std::uint32_t silence;
};
constexpr std::array<bits, 9> table{{{'C', 0x1, 0x1000},
                                     {'H', 0x2, 0x2000},
                                     {'M', 0x4, 0x4000},
                                     {'R', 0x8, 0x8000},
                                     {'B', 0x10, 0x80000},
                                     {'L', 0x20, 0x80},
                                     {'N', 0x40, 0x40000},
                                     {'U', 0x100, 0x20000},
                                     {'T', 0x200, 0x10000}}};

offer random_offer(dice& random) {
    switch (random.below(8)) {
    case 0:
        return {2, 0x3F, 0x7F};
    case 1:
        return {4, 0x3F, 0x3FF};
    case 2:
        return {6, 0xFF, 0x000FFFFF}; // without the leading space
    case 3:
        return {6, 0x1FF, 0x1FFFFF & static_cast<std::uint32_t>(random.next())};
    default:
        return {6, 0x1FF, 0x1FFFFF};
    }
}

child_plan random_child(dice& random, std::size_t i, offer const& mta) {
    child_plan one;
    one.name = std::string(1, static_cast<char>('a' + i));
    one.seed = random.next();
    one.answers.version = random.percent(85) ? mta.version : 2;
    one.answers.actions =
        random.percent(40) ? 0x1FF : static_cast<std::uint32_t>(random.next() & random.next()) & 0x1FF;
    if (random.percent(90)) one.answers.actions &= mta.actions;
    if (random.percent(50)) one.answers.steps |= leading_space_bit;
    if (random.percent(50)) one.answers.steps |= skip_bit;
    bool const mute = random.percent(15); // as rspamd is
    for (auto const& row : table) {
        if (random.percent(12)) one.answers.steps |= row.opt_out;
        if (mute || random.percent(12)) one.answers.steps |= row.silence;
    }
    constexpr std::string_view fallbacks = "aaartd";
    one.fallback = random.of(fallbacks);
    one.calm = random.percent(70) ? 95 : 75;
    one.fails = random.percent(25);
    return one;
}

std::string string_of(std::string text) {
    return text += '\0';
}

// Sends a few macros before its command, or none.
std::string random_macros(dice& random, std::string_view id) {
    std::string pairs;
    if (random.percent(40)) return pairs;
    if (random.percent(70)) pairs += string_of("i") + string_of(std::string(id));
    if (random.percent(40)) pairs += string_of("{mail_addr}") + string_of("");
    if (random.percent(40)) pairs += string_of("j") + string_of("mx.example.net");
    return pairs;
}

class writer {
public:
    writer(dice& random, session_case& into) : random_(random), into_(into) {}

    void session() {
        std::string const address = into_.sendmail && random_.percent(30) ? "IPv6:2001:db8::1" : "192.0.2.1";
        std::string const family = address.starts_with('I') ? "6" : "4";
        std::string const port = {'\x61', '\xa8'};
        add('C', string_of("h" + number()) + family + port + string_of(address));
        if (random_.percent(5)) add('A', "");
        auto const greetings = random_.below(3);
        for (std::size_t i = 0; i < greetings; ++i)
            helo_or_unknown();
        auto const messages = 1 + random_.below(3);
        for (std::size_t i = 0; i < messages; ++i) {
            message();
            if (random_.percent(20)) helo_or_unknown();
        }
        if (into_.events.back().code == 'Q' || into_.events.back().code == 'Z') return;
        if (random_.percent(5)) {
            add('K', "");
            return session();
        }
        add(random_.percent(80) ? 'Q' : 'Z', "");
    }

private:
    void add(char code, std::string payload) {
        bool const has_macros = std::string_view("CHMRTNE").find(code) != std::string_view::npos;
        into_.events.push_back(
            {code, std::move(payload), has_macros ? random_macros(random_, number()) : ""});
    }
    std::string number() { return std::to_string(++count_); }
    void helo_or_unknown() {
        if (random_.percent(70))
            add('H', string_of("client" + number()));
        else
            add('U', string_of("XYZ " + number()));
    }
    void message() {
        std::string const parameters = random_.percent(30) ? string_of("SIZE=1") : "";
        add('M', string_of("<s" + number() + "@example.net>") + parameters);
        auto const recipients = 1 + random_.below(4);
        for (std::size_t i = 0; i < recipients; ++i) {
            if (random_.percent(5)) add('U', string_of("XYZ " + number()));
            add('R', string_of("<r" + number() + "@example.com>"));
        }
        if (random_.percent(5)) return add('A', "");
        if (random_.percent(3)) return; // another sender at once, or the end
        add('T', "");
        if (random_.percent(5)) add('T', ""); // only said when the first was refused
        if (random_.percent(4)) return add('A', "");
        content();
    }
    void content() {
        constexpr std::array<std::string_view, 6> names{"Subject", "X-A", "x-a", "Received", "To", "X-A"};
        constexpr std::array<std::string_view, 6> values{"", " x", "  x", "\tx", "x", " a\n b"};
        auto const fields = random_.below(8);
        bool const abandoned = random_.percent(8);
        auto left = abandoned ? random_.below(8) : 1'000'000;
        auto const more = [&] { return left > 0 && left-- > 0; };
        for (std::size_t i = 0; i < fields && more(); ++i) {
            auto const value = std::string(random_.of(values));
            auto const tail = random_.percent(50) && !value.empty() ? number() : "";
            add('L', string_of(std::string(random_.of(names))) + string_of(value + tail));
        }
        if (more()) add('N', "");
        constexpr std::array<std::string_view, 5> pieces{"text\r\n", "x", "\r\n.\r\n", "a\r", "\nb\r\n"};
        auto const chunks = random_.below(4);
        for (std::size_t i = 0; i < chunks && more(); ++i)
            add('B', std::string(random_.of(pieces)) + number());
        if (more()) return add('E', random_.percent(5) ? "last\r\n" : "");
        constexpr std::array ends{'A', 'A', 'A', 'Q', 'Z'};
        add(random_.of(ends), "");
    }

    dice& random_;
    session_case& into_;
    std::size_t count_ = 0;
};

// Which of the children may fail while it gets the content: behind an early-fed child that failed, the rest
// of the session cannot be the same (it would not have failed natively when an earlier one refused).
void restrain(dice& random, session_case& into) {
    bool cut_off = false;
    for (std::size_t i = 0; i + 1 < into.events.size(); ++i)
        cut_off |= std::string_view("LNB").find(into.events[i].code) != std::string_view::npos &&
                   std::string_view("LNBE").find(into.events[i + 1].code) == std::string_view::npos;
    for (auto& one : into.children) {
        bool const first = &one == &into.children.front();
        // Whether such a child has left data behind it, where no unknown command may follow (protocol 6.2),
        // would depend on how much of the content it was fed in vain.
        bool const fed_in_vain = cut_off || !into.exact;
        auto const counts = one.answers.steps & into.mta.steps;
        if (fed_in_vain && (counts & opt_out_bit('M')) != 0 && (counts & opt_out_bit('T')) == 0) {
            if ((into.mta.steps & opt_out_bit('U')) != 0)
                one.answers.steps |= opt_out_bit('U');
            else
                one.answers.steps &= ~opt_out_bit('M');
        }
        one.fails_in_content = one.fails && !cut_off && (first || into.exact) && random.percent(70);
    }
}

} // namespace

std::uint32_t opt_out_bit(char code) {
    for (auto const& row : table)
        if (row.code == code) return row.opt_out;
    return 0;
}
std::uint32_t silence_bit(char code) {
    for (auto const& row : table)
        if (row.code == code) return row.silence;
    return 0;
}

session_case make_case(std::uint64_t seed) {
    dice random(stir(seed));
    session_case made;
    made.seed = seed;
    made.sendmail = random.percent(50);
    made.exact = random.percent(50);
    made.stubborn = random.percent(30);
    made.retries = random.percent(50);
    constexpr std::array<std::uint32_t, 5> chunk_sizes{1, 3, 7, 100, 65'535};
    made.chunk_size = random.of(chunk_sizes);
    made.mta = random_offer(random);
    auto const children = 1 + random.below(4);
    for (std::size_t i = 0; i < children; ++i)
        made.children.push_back(random_child(random, i, made.mta));
    if (children > 1 && random.percent(20)) made.children[random.below(children)].evaluated = true;
    writer(random, made).session();
    restrain(random, made);
    return made;
}

} // namespace milter::oracle
