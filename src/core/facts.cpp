#include "core/facts.hpp"

#include <algorithm>

namespace milter::core {

namespace {

bool equal_names(std::string_view a, std::string_view b) {
    return a.size() == b.size() && lower_case(a) == lower_case(b);
}

truth truth_of(std::optional<bool> found) {
    if (!found) return truth::failed;
    return *found ? truth::yes : truth::no;
}

bool contains(std::vector<network> const& networks, ip_address const& address) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](network const& one) { return one.contains(address); });
}

// Looks a fact up for each kind of expression.
struct evaluation {
    facts const& known;
    std::vector<std::uint32_t>& missing;

    truth of(expression const& what) const { return std::visit(*this, what.what); }

    truth operator()(always const& one) const { return one.yes ? truth::yes : truth::no; }

    truth operator()(negation const& one) const {
        auto const inner = of(one.of.front());
        if (inner == truth::yes) return truth::no;
        return inner == truth::no ? truth::yes : inner;
    }

    // Every part is looked at, so that all questions are asked at once; one that settles it needs no answer.
    truth join(std::vector<expression> const& parts, truth settles, truth otherwise) const {
        auto const asked_before = missing.size();
        bool open = false;
        bool failed = false;
        for (auto const& part : parts) {
            auto const one = of(part);
            if (one == settles) {
                missing.resize(asked_before);
                return settles;
            }
            open |= one == truth::open;
            failed |= one == truth::failed;
        }
        if (open) return truth::open;
        return failed ? truth::failed : otherwise;
    }
    truth operator()(all_of const& all) const { return join(all.of, truth::no, truth::yes); }
    truth operator()(any_of const& any) const { return join(any.of, truth::yes, truth::no); }

    truth operator()(authenticated const&) const {
        bool const is = !known.macro("auth_type").empty() || !known.macro("auth_authen").empty();
        return is ? truth::yes : truth::no;
    }
    truth operator()(by_postfix const&) const {
        return lower_case(known.macro("v")).find("postfix") != std::string::npos ? truth::yes : truth::no;
    }
    truth operator()(client_in const& one) const {
        bool const inside = known.client->ip && contains(one.networks, *known.client->ip);
        return inside ? truth::yes : truth::no;
    }
    truth operator()(client_family const& one) const {
        return known.client->family == one.family ? truth::yes : truth::no;
    }
    truth operator()(client_is const& one) const {
        auto const& who = *known.client;
        bool local = who.family == 'L';
        if (!local && !who.ip) return truth::no; // neither
        if (who.ip) {
            bool const remote = contains(one.remote_too, *who.ip);
            local = !remote && (is_local(*who.ip) || contains(one.local_too, *who.ip));
        }
        return local == one.local ? truth::yes : truth::no;
    }
    truth operator()(text_is const& one) const {
        switch (one.what) {
        case text_is::of::host:
            return truth_of(one.patterns.matches(known.client->host));
        case text_is::of::helo:
            return truth_of(one.patterns.matches(known.helo));
        case text_is::of::sender:
            return truth_of(one.patterns.matches(bare_address(known.sender)));
        case text_is::of::sender_domain: {
            auto const domain = domain_of(known.sender);
            if (domain.empty()) return truth::no;
            return truth_of(one.patterns.matches(lower_case(domain)));
        }
        case text_is::of::recipient:
            return truth_of(one.patterns.matches(bare_address(known.recipient)));
        }
        return truth::no;
    }
    truth operator()(recipients_are const& one) const {
        bool found = false;
        for (auto const& address : known.recipients) {
            auto const match = one.patterns.matches(bare_address(address));
            if (!match) return truth::failed;
            if (*match != one.all) return one.all ? truth::no : truth::yes;
            found = true;
        }
        return one.all && found ? truth::yes : truth::no;
    }
    truth operator()(macro_is const& one) const {
        auto const value = known.macro(one.name);
        if (!one.patterns) return value.empty() ? truth::no : truth::yes;
        return truth_of(one.patterns->matches(value));
    }
    truth operator()(header_is const& one) const {
        if (known.at == stage::header)
            return equal_names(known.header_name, one.name)
                       ? truth_of(one.patterns.matches(known.header_value))
                       : truth::no;
        for (std::size_t i = 0; known.headers && i < known.headers->size(); ++i) {
            auto const& field = known.headers->at(i);
            if (!known.headers->shown(i) || !equal_names(field.name, one.name)) continue;
            std::string_view value = field.value;
            if (value.starts_with(' ')) value.remove_prefix(1);
            auto const match = truth_of(one.patterns.matches(value));
            if (match != truth::no) return match;
        }
        return truth::no;
    }
    truth operator()(larger_than const& one) const { return known.size > one.bytes ? truth::yes : truth::no; }
    truth operator()(time_between const& one) const {
        constexpr std::uint32_t day = 24 * 60;
        auto const minute = known.minute_of_week % day;
        auto weekday = known.minute_of_week / day;
        bool inside = minute >= one.from_minute && minute < one.to_minute;
        if (one.to_minute < one.from_minute) {
            inside = minute >= one.from_minute || minute < one.to_minute;
            if (minute < one.to_minute) weekday = (weekday + 6) % 7; // it began the day before
        }
        return inside && (one.days >> weekday & 1) != 0 ? truth::yes : truth::no;
    }
    truth operator()(sessions_at_least const& one) const {
        return one.count > 0 && known.sessions >= one.count ? truth::yes : truth::no;
    }
    truth operator()(child_said const& one) const {
        if (!known.earlier_answered) return truth::open;
        auto const said = known.result_of(one.child);
        bool const is = said && std::find(one.words.begin(), one.words.end(), *said) != one.words.end();
        return is ? truth::yes : truth::no;
    }
    truth operator()(asks const& one) const {
        auto const answer = known.answer(one.question);
        if (answer == truth::open) missing.push_back(one.question);
        return answer;
    }
};

} // namespace

truth evaluate(expression const& what, facts const& known, std::vector<std::uint32_t>& missing) {
    return evaluation{known, missing}.of(what);
}

std::string_view bare_address(std::string_view address) {
    if (address.starts_with('<')) address.remove_prefix(1);
    if (address.ends_with('>')) address.remove_suffix(1);
    return address;
}

std::string_view domain_of(std::string_view address) {
    auto const bare = bare_address(address);
    auto const at = bare.find('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == bare.size()) return {};
    return bare.substr(at + 1);
}

} // namespace milter::core
