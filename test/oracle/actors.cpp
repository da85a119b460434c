#include "oracle/actors.hpp"

#include "oracle/dice.hpp"

#include "wire/command.hpp"
#include "wire/frame.hpp"
#include "wire/reply.hpp"

#include <array>

namespace milter::oracle {

namespace {

bool among(char code, std::string_view letters) {
    return letters.find(code) != std::string_view::npos;
}

packet packet_of(wire::reply const& said) {
    std::string bytes;
    wire::encode(bytes, said);
    constexpr std::size_t length = 4;
    return {bytes[length], bytes.substr(length + 1)};
}

packet smtp_text(dice& random) {
    constexpr std::array<std::string_view, 9> texts{"550 5.7.1 no",
                                                    "450 4.2.0 later",
                                                    "550 5.7.1 100%% no",
                                                    "550-5.7.1 one\r\n550 5.7.1 two",
                                                    "421 4.7.0 bye",
                                                    "250 2.0.0 fine",
                                                    "550 4.7.1 of another class",
                                                    "450 4.7.1 100% full",
                                                    "5"};
    return packet_of(wire::reply_code{random.of(texts)});
}

packet edit(dice& random) {
    constexpr std::array<std::string_view, 7> names{"Subject", "x-A", "X-B", "Received",
                                                    "X-New",   "To",  "a:b"};
    constexpr std::array<std::string_view, 8> values{"", " x", "  x", "\tx", "x", "new", " a\n b", "a\nb"};
    constexpr std::array<std::string_view, 6> bodies{"", "new\n", "lone\nlf\r\n", "x\r", "\ny", "no end"};
    constexpr std::array<std::string_view, 4> reasons{"odd", "", "two\r\nlines", "bad"};
    auto const index = static_cast<std::uint32_t>(random.below(12) == 0 ? 0x7FFFFFFF : random.below(5));
    auto const name = random.of(names);
    auto const value = random.of(values);
    std::string const address = "<e" + std::to_string(random.below(9)) + "@example.org>";
    switch (random.below(10)) {
    case 0:
        return packet_of(wire::add_header{name, value});
    case 1:
        return packet_of(wire::insert_header{index, name, value});
    case 2:
    case 3:
    case 4:
        if (random.percent(30)) return packet_of(wire::change_header{index, name, value});
        // Mostly fields that are there, and often to delete them.
        return packet_of(wire::change_header{static_cast<std::uint32_t>(random.below(4)),
                                             random.percent(70) ? "X-A" : "To",
                                             random.percent(60) ? "" : value});
    case 5:
        return packet_of(wire::replace_body{random.of(bodies)});
    case 6:
        return packet_of(wire::add_recipient{address});
    case 7:
        if (random.percent(50)) return packet_of(wire::add_recipient_with_args{address, "NOTIFY=NEVER"});
        return packet_of(wire::delete_recipient{address});
    case 8:
        if (random.percent(50)) return packet_of(wire::change_sender{address, "SIZE=2"});
        return packet_of(wire::change_sender{address, {}});
    default:
        return packet_of(wire::quarantine{random.of(reasons)});
    }
}

// Any decision but continue.
packet decision(dice& random, char at) {
    constexpr std::string_view any = "aaaaarrttdd4sssyyy";
    auto code = random.of(any);
    if (at == 'B' && random.percent(40)) code = 's';
    return code == 'y' ? smtp_text(random) : packet{code, ""};
}

} // namespace

std::uint32_t agreed_steps(child_plan const& one, offer const& by_mta) {
    auto steps = one.answers.steps & (by_mta.steps | all_silence_bits);
    auto const version = std::min(one.answers.version, by_mta.version);
    if (version <= 2) steps |= opt_out_bit('U');
    if (version <= 3) steps |= opt_out_bit('T');
    return steps;
}

answer child_actor::agree(packet const& said) {
    auto const command = wire::decode_command({said.code, said.payload});
    auto const& theirs = std::get<wire::negotiate>(*command);
    offer const by_mta{theirs.version, theirs.actions.bits(), theirs.steps.bits()};
    steps_ = agreed_steps(*plan_, by_mta);
    auto const version = std::min(plan_->answers.version, by_mta.version);
    auto const asked = plan_->answers.steps & (by_mta.steps | all_silence_bits);
    std::string lists;
    for (auto const& [stage, list] : plan_->lists)
        wire::append_macro_list(lists, {stage, names_for_wire(list)});
    return {{packet_of(
                wire::negotiated{version, wire::actions(plan_->answers.actions), wire::steps(asked), lists})},
            false};
}

answer child_actor::trouble(std::uint64_t luck) const {
    dice random(luck);
    switch (random.below(6)) {
    case 0:
        return {{{'f', ""}}, false};
    case 1:
        return {{{'Z', "?"}}, false};
    case 2:
        return {{{'p', ""}}, true};
    case 3:
        return {{}, false, true};
    default:
        return {{}, true};
    }
}

answer child_actor::as_written(packet const& said) {
    auto const& script = *plan_->script;
    if (said.code != script.at || std::exchange(script_done_, true)) return {{{'c', ""}}};
    answer mine;
    if (script.progress) mine.replies.push_back({'p', ""});
    mine.closes = script.closes;
    mine.hangs = script.hangs;
    if (!mine.closes && !mine.hangs) mine.replies.push_back(script.says);
    return mine;
}

std::vector<packet> child_actor::edits(std::uint64_t luck) const {
    dice random(stir(luck));
    std::vector<packet> all;
    for (auto n = random.percent(30) ? 0 : random.below(5); n > 0; --n)
        all.push_back(edit(random));
    return all;
}

// It takes its time, and perhaps says so.
void child_actor::dawdle(answer& mine, std::uint64_t luck) const {
    dice random(stir(~luck));
    if (!plan_->slow || mine.replies.empty() || !random.percent(20)) return;
    constexpr std::array times{1001U, 2503U, 4007U, 8009U};
    mine.replies.back().after_ms = random.of(times);
    if (!random.percent(40)) return;
    packet working{'p', ""};
    working.after_ms = random.of(times);
    mine.replies.insert(mine.replies.end() - 1, working);
}

answer child_actor::hears(packet const& said) {
    if (said.code == 'O') return agree(said);
    if (said.code == 'D') return macros_ = said.payload, answer{};
    if (said.code == 'Q') return {{}, false};
    auto macros = std::exchange(macros_, {});
    if (!macros.starts_with(said.code)) macros.clear(); // of a command that it did not want
    if (said.code == 'A') return content_.clear(), answer{};
    if (said.code == 'M') content_.clear();
    if (among(said.code, "LNB")) content_ += said.text();
    if ((steps_ & silence_bit(said.code)) != 0 && silence_bit(said.code) != 0) return {};
    if (plan_->script) return as_written(said);
    auto luck = mix(plan_->seed, said.text() + macros);
    if (among(said.code, "TNE")) luck = mix(luck, content_);
    dice random(luck);
    bool const in_content = among(said.code, "LNB");
    bool const may_fail = in_content ? plan_->fails_in_content : plan_->fails;
    if (may_fail && random.percent(6)) {
        auto failing = trouble(luck);
        if (said.code != 'E') return failing;
        auto first = edits(luck);
        first.insert(first.end(), failing.replies.begin(), failing.replies.end());
        return {first, failing.closes, failing.hangs};
    }
    answer mine;
    if (said.code == 'E') mine.replies = edits(luck);
    if (random.percent(4)) mine.replies.push_back({'p', ""});
    bool const may_quarantine = among(said.code, plan_->fails ? "MRTULNB" : "MRTLNB"); // at U it may be fatal
    if (plan_->early_quarantine && may_quarantine && random.percent(15))
        mine.replies.push_back(packet_of(wire::quarantine{"early, at " + std::string(1, said.code)}));
    bool const early = among(said.code, "CH") && random.percent(60); // else few sessions had a message
    auto const calm = said.code == 'R' ? plan_->calm_at_rcpt : plan_->calm;
    mine.replies.push_back(early || random.percent(calm) ? packet{'c', ""} : decision(random, said.code));
    auto const last = mine.replies.back().code;
    dawdle(mine, luck);
    if (said.code == 'E' || (last != 'c' && last != 's' && !among(said.code, "CHUR"))) content_.clear();
    return mine;
}

mta_actor::says mta_actor::can_say(mta_event const& one) const {
    auto const if_so = [](bool may) { return may ? says::all_of_it : says::nothing; };
    char const code = one.code;
    if (code == 'C') return if_so(!connected_);
    if (!connected_ && code != 'A') return if_so(among(code, "QZ"));
    if (among(code, "HMAQKZ")) return says::all_of_it;
    if (among(code, "UNLB") && (steps_ & opt_out_bit(code)) != 0) return says::nothing;
    if (one.refused) return can_say_refused();
    if (refused_) return if_so(code == 'R' || code == 'U');
    if (code == 'U') return if_so(!over_ && !in_content_);
    if (code == 'R' || (code == 'T' && refused_early_))
        return if_so(in_message_ && (!over_ || (refused_early_ && case_->stubborn)) &&
                     (steps_ & opt_out_bit(code)) == 0);
    if (over_ || !in_message_ || recipients_ == 0) return says::nothing;
    if (code == 'T' && data_told_) return says::nothing;
    if (code == 'T' && (steps_ & opt_out_bit('T')) != 0) return says::its_macros; // protocol 5.2
    return if_so(code != 'B' || !skips_);
}

// A recipient that the MTA has refused itself is told to those who asked for such; sendmail tells its macros
// to all (chain P21).
mta_actor::says mta_actor::can_say_refused() const {
    if (refused_ || over_ || !in_message_ || in_content_) return says::nothing;
    if ((steps_ & rejected_recipients_bit) != 0) return says::all_of_it;
    return case_->sendmail() ? says::its_macros : says::nothing;
}

// Whether no end of message will follow the content that begins now.
void mta_actor::note_abandoned() {
    for (auto i = next_; i < case_->events.size(); ++i) {
        if (among(case_->events[i].code, "LNB")) continue;
        abandons_ = case_->events[i].code != 'E';
        return;
    }
}

mta_event const* mta_actor::next() {
    waits_ = only_macros_ = false;
    if (left_) return nullptr;
    if (hangs_up_) {
        left_ = true;
        last_ = 'Q';
        macros_.reset();
        return &quit_;
    }
    while (next_ < case_->events.size()) {
        auto const& one = case_->events[next_];
        if (one.code == 'B' && in_content_ && skips_) body_ += one.payload;
        auto const how = can_say(one);
        macros_ = macros_sent(*case_, one, asked_);
        if (how == says::nothing || (how == says::its_macros && !macros_)) {
            ++next_;
            continue;
        }
        only_macros_ = how == says::its_macros;
        if (only_macros_) return ++next_, &one;
        if (among(one.code, "LNBE") && !std::exchange(in_content_, true)) note_abandoned();
        ++next_;
        if (among(one.code, "CHMAK")) {
            in_content_ = abandons_ = in_message_ = over_ = refused_early_ = skips_ = data_told_ = false;
            recipients_ = 0;
            body_.clear();
        }
        if (among(one.code, "BE")) body_ += one.payload;
        if (one.code == 'C') refused_ = false;
        if (among(one.code, "CK")) connected_ = one.code == 'C';
        if (one.code == 'M') in_message_ = true;
        if (one.code == 'T') data_told_ = true;
        last_ = one.code;
        left_ = among(one.code, "QZ");
        bool const silent = silence_bit(last_) != 0 && (steps_ & silence_bit(last_)) != 0;
        waits_ = wire::wants_reply(last_) && !silent;
        counts_ = !one.refused;
        if (silent && last_ == 'R' && counts_) ++recipients_;
        if (last_ == 'E') over_ = true;
        return &one;
    }
    hangs_up_ = true;
    return next();
}

bool mta_actor::may_overtake() const {
    if (!waits_ || next_ >= case_->events.size() || !case_->events[next_].overtakes) return false;
    return among(last_, next_code() == 'A' ? "MRTE" : "CHMRTUE");
}

void mta_actor::heard(packet const& reply) {
    waits_ = false;
    bool const terminal = among(reply.code, "rtdy");
    if (abandons_ && in_content_) return;
    if (last_ == 'B' && reply.code == 's') skips_ = true;
    if (last_ == 'R' && !terminal && !over_ && counts_) ++recipients_;
    if (!terminal) return;
    if (reply.payload.starts_with("421")) hangs_up_ = true;
    if (among(last_, "CH")) {
        refused_ = true;
        hangs_up_ = hangs_up_ || !case_->stubborn;
    }
    bool const one_recipient = last_ == 'R' && reply.code != 'd';
    if (last_ == 'U' || one_recipient) return;
    over_ = true;
    refused_early_ = among(last_, "MRT");
}

} // namespace milter::oracle
