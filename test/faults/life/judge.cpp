#include "faults/life/judge.hpp"

namespace milter::life {

namespace {

constexpr char at_offer = 'O';

bool has(std::uint8_t bits, std::size_t child) {
    return (std::size_t{bits} >> child & 1U) != 0;
}

// The children that have failed, each where it first did.
std::vector<trouble> failures(plan const& what, record const& book) {
    std::vector<trouble> all;
    for (std::size_t i = 0; i < cast.size(); ++i) {
        if (cast[i].evaluation) continue;
        if (!has(book.seen, i)) {
            all.push_back({i, at_offer, fault::closes});
            continue;
        }
        for (auto const& one : what.troubles)
            if (one.child == i && has(book.fired, i)) all.push_back(one);
    }
    return all;
}

std::uint8_t all_fields() {
    std::uint8_t bits = 0;
    for (std::size_t i = 0; i < cast.size(); ++i)
        if (!cast[i].evaluation) bits = static_cast<std::uint8_t>(bits | 1U << i);
    return bits;
}

// Where the MTA may hear of it: headers get no answers.
std::string_view felt(char at) {
    if (at == at_offer) return "C";
    if (at == 'L' || at == 'N' || at == 'B') return "BE";
    constexpr std::string_view others = "CHMRTE";
    return others.substr(others.find(at), 1);
}

bool is_good(mail_result const& mail, std::uint8_t fields) {
    return mail == mail_result{'E', 'c', fields, true};
}

bool is_refused(mail_result const& mail, std::string_view stages, char letter) {
    return mail.letter == letter && stages.find(mail.stage) != std::string_view::npos && mail.headers == 0;
}

// One child at most has failed, and the MTA did all in order: every answer is known. "" or what is wrong.
std::string exactly(plan const& what, record const& book, trouble const* failed) {
    auto const good = all_fields();
    if (!failed || cast[failed->child].reply == 'c') {
        auto const left_out = failed ? static_cast<std::uint8_t>(good & ~(1U << failed->child)) : good;
        if (book.greeting.letter != '-') return "the client was refused";
        if (book.mails.size() != what.mails) return "not all mails were taken";
        for (auto const& mail : book.mails)
            if (!is_good(mail, left_out)) return "a mail was not taken as it should be";
        return "";
    }
    auto const reply = cast[failed->child].reply;
    auto const where = felt(failed->at);
    if (where == "C" || where == "H")
        return is_refused(book.greeting, where, reply) && book.mails.empty() ? ""
                                                                             : "the client was not refused";
    if (book.mails.size() != what.mails) return "not all mails were answered";
    for (std::size_t i = 0; i < book.mails.size(); ++i) {
        auto const& mail = book.mails[i];
        if (i == 0 && !is_refused(mail, where, reply)) return "the failure was not felt where it was";
        bool const again = cast[failed->child].retried && is_good(mail, good); // (chain P51)
        if (i > 0 && !again && !is_refused(mail, "M", reply)) return "the failure was not felt afterwards";
    }
    return "";
}

// Whatever has happened: no answer that nobody's failure explains, and nothing unfiltered (chain P50).
std::string at_most(plan const& what, record const& book, std::vector<trouble> const& failed) {
    std::string possible = "cs";
    // An MTA that goes on without a recipient hears of that.
    if (what.mta == manner::pipelines && !failed.empty()) possible += 't';
    auto needed = all_fields();
    for (auto const& one : failed) {
        possible += cast[one.child].reply;
        if (cast[one.child].reply == 'c') needed = static_cast<std::uint8_t>(needed & ~(1U << one.child));
    }
    if (book.letters.find_first_not_of(possible) != std::string::npos)
        return "an answer that no failure explains";
    for (auto const& mail : book.mails)
        if (mail.letter == 'c' && ((mail.headers & needed) != needed || !mail.body_right))
            return "a mail was taken unfiltered";
    return "";
}

// A planned failure must have happened, when nothing stood in its way. (A child in evaluation mode may lag so
// far behind that it does not.)
bool all_have_failed(plan const& what, record const& book) {
    for (auto const& one : what.troubles) {
        if (cast[one.child].evaluation) continue;
        bool const has_body =
            one.child == gamma && what.new_body_lines ? *what.new_body_lines > 0 : what.body_lines > 0;
        bool const comes = one.at != 'B' || has_body;
        if (comes != has(book.fired, one.child)) return false;
    }
    return true;
}

} // namespace

verdicts judge(world const& what) {
    verdicts result;
    std::array<std::size_t, cast.size()> absent{};
    for (std::uint64_t number = 0; number < what.book.size(); ++number) {
        auto const& book = what.book[number];
        auto const planned = plan_of(what.seed, number);
        auto const failed = failures(planned, book);
        bool const proper = planned.mta == manner::proper;
        auto wrong = at_most(planned, book, failed);
        bool const is_exact = proper && book.complete && failed.size() < 2 && planned.troubles.size() < 2;
        if (wrong.empty() && is_exact) wrong = exactly(planned, book, failed.empty() ? nullptr : &failed[0]);
        bool const offered = failed.empty() || failed[0].at != at_offer;
        if (wrong.empty() && is_exact && offered && !all_have_failed(planned, book))
            wrong = "a planned failure did not happen";
        ++(is_exact ? result.exact : result.bounded);
        if (!wrong.empty()) result.complaints.push_back(planned.text() + ": " + wrong);
        bool refused_before = false;
        for (std::size_t i = 0; i < cast.size() && proper && !refused_before; ++i) {
            if (has(book.seen, i) || cast[i].evaluation) continue; // that one may come too late
            ++absent[i];
            refused_before = cast[i].reply != 'c';
        }
    }
    for (std::size_t i = 0; i < cast.size(); ++i)
        if (absent[i] > what.failed_offers[i])
            result.complaints.push_back(std::string(cast[i].name) + " was left out of " +
                                        std::to_string(absent[i]) + " sessions but has failed at only " +
                                        std::to_string(what.failed_offers[i]) + " offers");
    return result;
}

} // namespace milter::life
