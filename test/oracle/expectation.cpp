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

class matcher {
public:
    explicit matcher(std::vector<std::string> const& seen) : seen_(seen) {}

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
        }
        return false;
    }
    std::size_t at() const { return at_; }
    bool done() const { return at_ == seen_.size(); }

private:
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

    std::vector<std::string> const& seen_;
    std::size_t at_ = 0;
    bool may_miss_quit_ = false;
};

std::string words(expected const& one) {
    std::string text = one.what == expected::kind::packet ? "" : "some of:";
    for (auto const& packet : one.packets)
        text += " [" + readable(packet) + "]";
    if (one.what == expected::kind::fed_in_vain) text += one.told ? " and abort (told)" : " and abort";
    return text;
}

std::string trace_difference(std::vector<std::string> const& seen, std::vector<expected> const& wanted) {
    matcher match(seen);
    auto const got = [&] { return match.done() ? "nothing" : "[" + readable(seen[match.at()]) + "]"; };
    for (auto const& one : wanted)
        if (!match.take(one))
            return "packet " + std::to_string(match.at()) + " is " + got() + ", natively " + words(one);
    if (match.done()) return "";
    return "packet " + std::to_string(match.at()) + " is " + got() + ", natively nothing more comes";
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
