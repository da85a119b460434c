#include "oracle/session_writer.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace milter::oracle {

namespace {

// What an MTA may have a value for, at any stage; v, if_addr and rcpt_mailer mean something and come apart.
constexpr std::array<std::string_view, 13> pool{
    "i",         "j",      "_",           "daemon_name", "if_name",    "mail_addr", "auth_authen",
    "rcpt_addr", "msg_id", "client_addr", "cipher",      "spam_score", "auth_ssf"};

bool has(mta_kind mta, std::string_view name) { // protocol 5.4
    bool const of_sendmail = name == "if_name" || name == "msg_id" || name == "auth_ssf";
    return mta == mta_kind::sendmail || !of_sendmail;
}

std::string string_of(std::string text) {
    return text += '\0';
}

std::string pair(std::string_view name, std::string const& value) {
    auto const written = name.size() == 1 ? std::string(name) : "{" + std::string(name) + "}";
    return string_of(written) + string_of(value);
}

class writer {
public:
    writer(dice& random, session_case& into) : random_(random), into_(into) {}

    void all() {
        session();
        if (!into_.timed && random_.percent(8)) be_hasty();
    }

private:
    void session() {
        bool const ipv6 = random_.percent(30);
        std::string const address = !ipv6              ? "192.0.2.1"
                                    : into_.sendmail() ? "IPv6:2001:db8::1"
                                                       : "2001:db8::1";
        std::string const port = {'\x61', '\xa8'};
        add('C', string_of("h" + number()) + (ipv6 ? "6" : "4") + port + string_of(address));
        if (random_.percent(5)) add('A', "");
        for (auto greetings = random_.below(3); greetings > 0; --greetings)
            helo_or_unknown();
        for (auto messages = 1 + random_.below(3); messages > 0; --messages) {
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

    // Ends what is being answered here and there, without waiting for the answer (chain P49).
    void be_hasty() {
        std::vector<mta_event> hasty;
        for (auto const& one : into_.events) {
            hasty.push_back(one);
            bool const ends = std::string_view("AQKZ").find(one.code) != std::string_view::npos;
            if (ends) hasty.back().overtakes = random_.percent(70);
            bool const in_message = std::string_view("MRTE").find(one.code) != std::string_view::npos;
            if (in_message && random_.percent(15)) hasty.push_back({'A', "", {}, false, true});
        }
        into_.events = std::move(hasty);
    }
    void add(char code, std::string payload) {
        bool const has_macros = std::string_view("CHMRTNE").find(code) != std::string_view::npos ||
                                (into_.mta == mta_kind::postfix && random_.percent(10));
        into_.events.push_back({code, std::move(payload), {}, false, false});
        bool const shows_itself = code == 'C' && into_.recognises && into_.mta != mta_kind::generic;
        // Else those of a refused recipient before it would be taken for its own.
        bool const always = shows_itself || (code == 'R' && into_.sendmail());
        if (has_macros && std::string_view("AQKZ").find(code) == std::string_view::npos &&
            (always || random_.percent(60)))
            into_.events.back().macros = macros(code);
    }
    std::string macros(char code) {
        std::string pairs;
        for (auto const name : pool)
            if (random_.percent(20) && has(into_.mta, name))
                pairs += pair(name, random_.percent(90) ? std::string(name) + number() : "");
        if (code == 'C' && into_.mta == mta_kind::postfix) pairs += pair("v", "Postfix 3.7.11");
        if (code == 'C' && into_.sendmail()) pairs += pair("if_addr", "192.0.2.25");
        if (code == 'R' && random_.percent(50)) pairs += pair("rcpt_mailer", "local");
        return pairs;
    }
    std::string number() { return std::to_string(++count_); }
    void helo() { add('H', string_of("client" + number())); }
    void helo_or_unknown() {
        if (random_.percent(70)) return helo();
        unknown();
    }
    void unknown() { add('U', string_of("XYZ " + number())); }

    void recipient() {
        add('R', string_of("<r" + number() + "@example.com>"));
        if (!random_.percent(15)) return;
        auto& one = into_.events.back();
        one.refused = true;
        one.macros = pair("rcpt_mailer", "error") + pair("rcpt_addr", "no " + number());
    }
    // Something that ends the message early, now and then.
    bool ends_early(unsigned chance) {
        if (!random_.percent(chance)) return false;
        switch (random_.below(4)) {
        case 0:
            return helo(), true; // chain P24
        case 1:
            return true; // another sender at once, or the end
        default:
            return add('A', ""), true;
        }
    }
    void message() {
        std::string const parameters = random_.percent(30) ? string_of("SIZE=1") : "";
        add('M', string_of("<s" + number() + "@example.net>") + parameters);
        if (ends_early(3)) return;
        auto const recipients = 1 + random_.below(random_.percent(10) ? 9 : 4);
        for (std::size_t i = 0; i < recipients; ++i) {
            if (random_.percent(5)) unknown();
            recipient();
        }
        if (ends_early(8)) return;
        add('T', "");
        if (random_.percent(5)) add('T', ""); // only said when the first was refused
        if (ends_early(4)) return;
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
        constexpr std::array ends{'A', 'A', 'A', 'Q', 'Z', 'H', 'M'};
        auto const end = random_.of(ends);
        if (end == 'H') return helo();
        if (end != 'M') add(end, "");
    }

    dice& random_;
    session_case& into_;
    std::size_t count_ = 0;
};

} // namespace

std::string random_macro_name(dice& random) {
    if (random.percent(10)) return "rcpt_mailer";
    return std::string(random.of(pool));
}

void write_session(dice& random, session_case& into) {
    writer(random, into).all();
}

} // namespace milter::oracle
