#include "tools/conformance/suite.hpp"

#include "tools/conformance/dialog.hpp"

#include <array>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

namespace milter::tools::conformance {

namespace {

constexpr wire::negotiate everything{wire::newest_version, wire::all_actions, wire::all_steps};
constexpr std::string_view stages = "OCHMRTLNBE"; // O: nothing is said
constexpr std::size_t many = 200;
constexpr std::size_t largest_piece = 65535; // protocol 4.7
constexpr std::size_t longest_header = 60000;

class suite {
public:
    suite(settings const& told, std::set<std::string, std::less<>> const& only) : told_(told), only_(only) {}

    tl::expected<findings, std::string> run() {
        if (auto const failed = ordinary(); !failed.empty()) return tl::unexpected(failed);
        if (!basis_) {
            for (auto const& one : all_rules())
                found_.not_tried(one.word, "an ordinary session fails already");
            return std::move(found_);
        }
        offers();
        aborts();
        ends();
        again();
        unknown_command();
        variants();
        for (auto const& one : all_rules())
            found_.not_tried(one.word, std::string(untouched(one.word)));
        return std::move(found_);
    }

private:
    bool wanted(std::string_view word) const { return only_.empty() || only_.contains(word); }

    // Of rules that speak of what may come.
    static std::string_view untouched(std::string_view word) {
        if (word == "reply-text") return "no SMTP reply came";
        if (word == "skip" || word == "progress") return "none came";
        if (word.starts_with("edits-")) return "no change came";
        return "it was not asked for";
    }

    // Connected and agreed about everything; nothing, and said, if that fails.
    std::unique_ptr<dialog> open(std::string_view word, settings const& as) {
        auto one = std::make_unique<dialog>(context_, as, found_);
        bool const was_gone = is_gone_ || found_.of("hang-up").is == finding::kind::broken;
        is_gone_ = is_gone_ || !one->connect();
        if (!is_gone_ && one->offer(everything)) return one;
        if (was_gone)
            found_.not_tried(word, "no connection any more");
        else
            found_.broken(word, one->trouble());
        return nullptr;
    }

    // Every session ends so.
    bool close(dialog& one, std::string_view word) {
        found_.seen("quit");
        if (one.quit()) return true;
        found_.broken(word, one.trouble());
        return false;
    }

    void judge(std::string_view word, ending how, dialog const& of) {
        if (how == ending::failed)
            found_.broken(word, of.trouble());
        else if (how == ending::reached)
            found_.seen(word);
        else
            found_.not_tried(word, fmt::format("the milter ends it before: {}", of.decision()));
    }

    // What all others rest on; the error if the milter cannot be talked to at all.
    std::string ordinary() {
        dialog one(context_, told_, found_);
        if (!one.connect() || !one.offer(everything)) return one.trouble();
        judge_offer("offer", everything, one.agreed());
        auto how = one.message(told_);
        if (how == ending::failed) {
            if (found_.of("replies-decode").is != finding::kind::broken)
                found_.broken("one-reply", one.trouble());
            return "";
        }
        for (int more = 0; more < 2 && how != ending::session_over && how != ending::failed; ++more) {
            if (how == ending::decided) one.tell(wire::abort{});
            how = one.message(told_);
        }
        judge("messages", how == ending::decided ? ending::reached : how, one);
        basis_ = how != ending::failed && close(one, "quit") &&
                 found_.of("nothing-unasked").is != finding::kind::broken;
        return "";
    }

    void judge_offer(std::string_view word, wire::negotiate const& offered, wire::negotiated const& came) {
        found_.seen(word);
        if (came.version < 2 || came.version > offered.version)
            found_.broken(
                word, fmt::format("offered was version {}, answered is {}", offered.version, came.version));
        if (auto const more = came.actions - offered.actions; !more.empty())
            found_.broken(word, "not offered, but answered: actions " + wire::names(more));
        if (auto const more = came.steps - offered.steps; !more.empty())
            found_.broken(word, "not offered, but answered: steps " + wire::names(more));
    }

    void offers() {
        std::array<std::pair<std::string_view, wire::negotiate>, 3> const fewer{{
            {"offer-few-actions", {wire::newest_version, wire::action::add_headers, wire::all_steps}},
            {"offer-few-steps", {4, wire::all_actions, wire::steps_of_version(4)}},
            {"offer-version-2", {2, wire::all_actions, wire::steps_of_version(2)}},
        }};
        for (auto const& [word, offered] : fewer) {
            if (!wanted(word)) continue;
            dialog one(context_, told_, found_);
            if (!one.connect()) {
                found_.broken(word, one.trouble());
            } else if (one.offer(offered)) {
                judge_offer(word, offered, one.agreed());
                if (one.message(told_) == ending::failed)
                    found_.broken(word, one.trouble());
                else
                    close(one, word);
            } else if (one.refused()) {
                found_.not_tried(word, "the milter refuses this offer, as it may");
            } else {
                found_.broken(word, one.trouble());
            }
        }
    }

    // All in one session, a whole message behind each.
    void aborts() {
        if (!wanted("abort")) return;
        auto const one = open("abort", told_);
        if (!one) return;
        auto how = ending::reached;
        for (char const last : std::string_view("MRTLNB")) {
            how = one->message(told_, last);
            if (how == ending::failed || how == ending::session_over) break;
            one->tell(wire::abort{});
            how = one->message(told_);
            if (how == ending::failed || how == ending::session_over) break;
        }
        judge("abort", how == ending::decided ? ending::reached : how, *one);
        if (how != ending::failed) close(*one, "abort");
    }

    void ends() {
        for (char const last : stages)
            if (wanted("quit")) {
                auto const one = open("quit", told_);
                if (!one) return;
                if (last != 'O') one->message(told_, last);
                if (!close(*one, "quit")) break;
            }
        if (!wanted("hang-up")) return;
        for (char const last : stages) {
            auto const one = open("hang-up", told_);
            if (!one) return;
            if (last != 'O') one->message(told_, last);
            one->hang_up();
        }
        if (auto const one = open("hang-up", told_)) {
            judge("hang-up", one->message(told_), *one);
            close(*one, "hang-up");
        }
    }

    // Only behind an accepted message does a libmilter take it (protocol 6.2).
    void again() {
        constexpr std::string_view word = "quit-new-connection";
        if (!wanted(word)) return;
        auto const one = open(word, told_);
        if (!one) return;
        if (one->agreed().version < 6) return found_.not_tried(word, "it has an older version");
        auto how = one->message(told_);
        if (how == ending::reached && !one->decision().starts_with("continue"))
            return found_.not_tried(word,
                                    "only behind a message that is answered continue: " + one->decision());
        if (how == ending::reached) {
            one->new_session();
            how = one->message(told_);
        }
        judge(word, how, *one);
        if (how != ending::failed) close(*one, word);
    }

    void unknown_command() {
        if (!wanted("unknown")) return;
        auto const one = open("unknown", told_);
        if (!one) return;
        if (one->agreed().version < 3 || one->agreed().steps.has(wire::step::no_unknown))
            return found_.not_tried("unknown", "the milter does not want it");
        auto how = one->message(told_, wire::helo::code);
        if (how == ending::reached) how = one->unknown("XNOSUCH command");
        if (how == ending::reached) {
            how = one->message(told_);
            if (how == ending::decided) how = ending::reached;
        }
        judge("unknown", how, *one);
        if (how != ending::failed) close(*one, "unknown");
    }

    // An ordinary session of another shape.
    void variant(std::string_view word, std::function<void(settings&)> const& shape,
                 delivery how = delivery::packets, std::function<void(dialog&)> const& before = {}) {
        if (!wanted(word)) return;
        auto as = told_;
        shape(as);
        auto const one = open(word, as);
        if (!one) return;
        if (before) before(*one);
        auto const came = one->message(as, wire::end_of_message::code, how);
        judge(word, came, *one);
        // The answers to the rest of what was written at once may come, or not.
        bool const in_step = how != delivery::one_write || came == ending::reached;
        if (came != ending::failed && in_step) close(*one, word);
    }

    void variants() {
        auto const as_it_is = [](settings&) {};
        variant("no-macros", [](settings& as) { as.macros.clear(); });
        variant("unknown-macros", as_it_is, delivery::packets, [](dialog& one) {
            using namespace std::string_view_literals;
            for (auto const& [letter, pairs] :
                 {std::pair('C', "{no_such}\0\xFF\xFE\0"sv), std::pair('M', ""sv), std::pair('E', "i\0\0"sv)})
                one.tell(wire::macros{letter, wire::strings(pairs)});
        });
        variant("null-sender", [](settings& as) { as.mail.sender = "<>"; });
        variant("many-recipients", [](settings& as) {
            for (std::size_t i = 0; i < many; ++i)
                as.mail.recipients.push_back({fmt::format("<recipient{}@example.org>", i)});
        });
        variant("many-headers", [](settings& as) {
            for (std::size_t i = 0; i < many; ++i)
                as.mail.original_headers.push_back({fmt::format("X-Header-{}", i), "value"});
        });
        variant("long-header", [](settings& as) {
            as.mail.original_headers.push_back({"X-Long", std::string(longest_header, 'x')});
        });
        variant("large-body", [](settings& as) {
            std::string lines;
            while (lines.size() < largest_piece)
                lines += "a line of a body that is as large as a packet may be\r\n";
            as.mail.body.assign(4, lines.substr(0, largest_piece));
        });
        variant("binary-body", [](settings& as) {
            std::string bytes;
            for (int round = 0; round < 8; ++round)
                for (int byte = 0; byte < 256; ++byte)
                    bytes += static_cast<char>(byte);
            as.mail.body.assign(1, bytes);
        });
        variant("empty-message", [](settings& as) {
            as.mail.original_headers.clear();
            as.mail.body.clear();
        });
        variant("single-bytes", as_it_is, delivery::single_bytes);
        variant("one-write", as_it_is, delivery::one_write);
    }

    settings const& told_;
    std::set<std::string, std::less<>> const& only_;
    boost::asio::io_context context_{1};
    findings found_;
    bool basis_ = false;   // an ordinary session works
    bool is_gone_ = false; // it takes no connection any more
};

} // namespace

tl::expected<findings, std::string> examine(settings const& told,
                                            std::set<std::string, std::less<>> const& only) {
    return suite(told, only).run();
}

} // namespace milter::tools::conformance
