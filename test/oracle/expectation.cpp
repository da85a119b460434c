#include "oracle/expectation.hpp"

#include <cstdio>

namespace milter::oracle {

namespace {

std::string readable(std::string const& text) {
    std::string shown;
    for (char const c : text) {
        if (c == '\n')
            shown += "\\n";
        else if (c == '\r')
            shown += "\\r";
        else if (c == '\0')
            shown += "|";
        else if (c < ' ')
            shown += '?';
        else
            shown += c;
    }
    return shown;
}

// Compares a trace with what is expected. Where the manager may have stopped early, the same packet can stand
// for the end of one thing or the beginning of the next: the ways are tried one after the other.
class matcher {
public:
    matcher(std::vector<std::string> const& seen, std::vector<expected> const& wanted)
        : seen_(seen), wanted_(wanted) {}

    bool match() { return from(0); }
    // How far it got at best: what came there, and what was expected; nothing: an end.
    std::size_t at() const { return best_at_; }
    expected const* next() const { return best_ < wanted_.size() ? &wanted_[best_] : nullptr; }

private:
    bool from(std::size_t next) {
        for (; next < wanted_.size(); ++next) {
            if (at_ >= best_at_) best_at_ = at_, best_ = next;
            auto const& one = wanted_[next];
            if (one.what == expected::kind::cut_short) return take_cut_short(one, next);
            if (!take(one)) return false;
        }
        if (at_ >= best_at_) best_at_ = at_, best_ = next;
        return at_ == seen_.size();
    }
    bool take(expected const& one) {
        switch (one.what) {
        case expected::kind::packet:
            if (may_miss_quit_ && one.packets[0] == "Q" && !is("Q")) return may_miss_quit_ = false, true;
            return take_one(one.packets[0]);
        case expected::kind::asked_in_parallel:
        case expected::kind::fails_in_parallel:
            return take_in_parallel(one);
        case expected::kind::fed_in_vain:
            return take_fed(one);
        case expected::kind::cut_short:
            break;
        }
        return false;
    }
    bool is(std::string const& packet) const { return at_ < seen_.size() && seen_[at_] == packet; }
    bool take_one(std::string const& packet) {
        if (!is(packet)) return false;
        ++at_;
        return true;
    }
    bool take_in_parallel(expected const& one) {
        if (one.packets.empty() || !is(one.packets[0])) return true;
        for (auto const& packet : one.packets)
            if (!take_one(packet)) return false;
        may_miss_quit_ = one.what == expected::kind::fails_in_parallel;
        return true;
    }
    bool take_fed(expected const& one) {
        std::size_t n = 0;
        while (n < one.packets.size() && take_one(one.packets[n]))
            ++n;
        bool const may_have_finished = one.finishes && n == one.packets.size();
        bool const due = one.aborted == expected::abort::if_told && (one.told || n > 0) && !may_have_finished;
        bool const allowed = one.aborted != expected::abort::never && (one.told || n > 0);
        if (allowed && take_one("A")) return true;
        return !due;
    }
    bool take_cut_short(expected const& one, std::size_t number) {
        auto const& all = one.packets;
        auto const begin = at_;
        bool const may_miss = may_miss_quit_;
        std::size_t most = 0;
        while (most < all.size() && take_one(all[most]))
            ++most;
        for (auto n = most + 1; n-- > 0;) {
            bool const between =
                n > 0 && n < all.size() && all[n - 1][0] == 'D' && all[n - 1][1] == all[n][0];
            at_ = begin + n;
            may_miss_quit_ = may_miss;
            if (!between && take_abort(one, n) && from(number + 1)) return true;
        }
        return false;
    }
    bool take_abort(expected const& one, std::size_t n) {
        bool told = one.told;
        for (std::size_t i = 0; i < n; ++i)
            told |= std::string_view("MLNBE").find(one.packets[i][0]) != std::string_view::npos;
        bool const may_have_finished = one.finishes && n == one.packets.size();
        bool const allowed = told && one.aborted == expected::abort::if_told;
        return (allowed && take_one("A")) || !allowed || may_have_finished;
    }

    std::vector<std::string> const& seen_;
    std::vector<expected> const& wanted_;
    std::size_t at_ = 0;
    std::size_t best_at_ = 0;
    std::size_t best_ = 0;
    bool may_miss_quit_ = false;
};

std::string words(expected const& one) {
    std::string text = one.what == expected::kind::packet ? "" : "some of:";
    for (auto const& packet : one.packets)
        text += " [" + readable(packet) + "]";
    if (one.what == expected::kind::fed_in_vain || one.what == expected::kind::cut_short)
        text += one.told ? " and abort (told)" : " and abort";
    return text;
}

std::string trace_difference(std::vector<std::string> const& seen, std::vector<expected> const& wanted) {
    matcher one(seen, wanted);
    if (one.match()) return "";
    auto const got = one.at() < seen.size() ? "[" + readable(seen[one.at()]) + "]" : "nothing";
    return "packet " + std::to_string(one.at()) + " is " + got + ", natively " +
           (one.next() ? words(*one.next()) : "nothing more comes");
}

} // namespace

std::string difference(manager_run const& seen, native_run const& wanted) {
    if (!seen.broken.empty()) return seen.broken.front();
    for (std::size_t i = 0; i < std::max(seen.mta.size(), wanted.mta.size()); ++i) {
        auto const theirs = i < seen.mta.size() ? seen.mta[i] : "nothing";
        auto const ours = i < wanted.mta.size() ? wanted.mta[i].reply : "nothing";
        bool const accept = i < wanted.mta.size() && wanted.mta[i].may_be_accept && theirs == "a";
        if (theirs != ours && !accept)
            return "the MTA is told, as number " + std::to_string(i) + ", [" + readable(theirs) +
                   "], natively [" + readable(ours) + "]";
    }
    for (std::size_t i = 0; i < seen.traces.size(); ++i)
        if (auto const text = trace_difference(seen.traces[i], wanted.traces[i]); !text.empty())
            return "child " + std::string(1, static_cast<char>('a' + i)) + ": " + text;
    return "";
}

} // namespace milter::oracle
