#include <milter/mta.hpp>
#include <milter/testing.hpp>

#include "library/transport.hpp"
#include "wire/reply.hpp"

#include <algorithm>
#include <array>

namespace milter {
inline namespace v3 {

namespace {

constexpr std::size_t largest_piece = 65535; // of a body, in a packet (protocol 1)

std::string joined(std::initializer_list<std::string_view> all) {
    std::string bytes;
    for (auto const one : all)
        wire::append_string(bytes, one);
    return bytes;
}

char letter_of(macro_stage stage) {
    // By number; protocol 2.5.
    constexpr std::string_view letters = "CHMRTEN";
    return letters[std::min<std::size_t>(static_cast<std::uint32_t>(stage), letters.size() - 1)];
}

verdict verdict_of(wire::answer what) {
    switch (what) {
    case wire::answer::go_on:
        return verdict::go_on;
    case wire::answer::accept:
        return verdict::accept;
    case wire::answer::reject:
        return verdict::reject;
    case wire::answer::temp_fail:
        return verdict::temp_fail;
    case wire::answer::discard:
        return verdict::discard;
    case wire::answer::skip:
        return verdict::skip;
    case wire::answer::shutdown:
        return verdict::shutdown;
    case wire::answer::conn_fail:
        return verdict::conn_fail;
    }
    return verdict::lost;
}

std::optional<std::string> copy_of(std::optional<std::string_view> one) {
    if (!one) return std::nullopt;
    return std::string(*one);
}

// Adds what one packet says; true when it was the answer.
struct listener {
    heard& all;

    edit& add(edit::kind what, std::string_view value) {
        edit one;
        one.what = what;
        one.value = value;
        return all.edits.emplace_back(std::move(one));
    }
    bool field(edit::kind what, std::uint32_t index, std::string_view name, std::string_view value) {
        auto& one = add(what, value);
        one.index = index;
        one.name = name;
        return false;
    }
    bool operator()(wire::negotiated const&) {
        all.what = verdict::lost;
        all.text = "a second negotiation";
        return true;
    }
    bool operator()(wire::decision const& one) {
        all.what = verdict_of(one.what);
        return true;
    }
    bool operator()(wire::reply_code const& one) {
        all.what = verdict::reply;
        all.text = one.text;
        return true;
    }
    bool operator()(wire::progress) {
        ++all.progress;
        return false;
    }
    bool operator()(wire::add_header const& one) {
        return field(edit::kind::add_header, 0, one.name, one.value);
    }
    bool operator()(wire::insert_header const& one) {
        return field(edit::kind::insert_header, one.index, one.name, one.value);
    }
    bool operator()(wire::change_header const& one) {
        return field(edit::kind::change_header, one.index, one.name, one.value);
    }
    bool operator()(wire::replace_body const& one) {
        add(edit::kind::replace_body, one.bytes);
        return false;
    }
    bool operator()(wire::add_recipient const& one) {
        add(edit::kind::add_recipient, one.address);
        return false;
    }
    bool operator()(wire::add_recipient_with_args const& one) {
        add(edit::kind::add_recipient, one.address).arguments = copy_of(one.arguments);
        return false;
    }
    bool operator()(wire::delete_recipient const& one) {
        add(edit::kind::delete_recipient, one.address);
        return false;
    }
    bool operator()(wire::change_sender const& one) {
        add(edit::kind::change_sender, one.address).arguments = copy_of(one.arguments);
        return false;
    }
    bool operator()(wire::quarantine const& one) {
        add(edit::kind::quarantine, one.reason);
        return false;
    }
};

} // namespace

std::string_view word(verdict what) {
    static constexpr auto words =
        std::to_array<std::string_view>({"go_on", "accept", "reject", "temp_fail", "discard", "reply", "skip",
                                         "shutdown", "conn_fail", "not_sent", "not_answered", "lost"});
    auto const index = static_cast<std::size_t>(what);
    return index < words.size() ? words[index] : "unknown";
}

mta::machine::machine(tl::expected<std::unique_ptr<library::transport>, std::string> way,
                      mta_options const& options) {
    if (way) {
        way_ = std::move(*way);
        negotiate(options.offer);
    } else {
        fail(way.error());
    }
}

void mta::machine::fail(std::string why) {
    if (error.empty()) error = std::move(why);
    way_.reset();
}

void mta::machine::send(wire::command const& what) {
    if (!way_) return;
    std::string bytes;
    wire::encode(bytes, what);
    if (bytes.empty()) return;
    if (auto const sent = way_->send(bytes); !sent) fail(sent.error());
}

void mta::machine::negotiate(agreement const& offer) {
    send(
        wire::negotiate{offer.version, wire::actions(offer.actions.bits()), wire::steps(offer.steps.bits())});
    if (!way_) return;
    auto const told = way_->receive();
    if (!told) return fail(told.error());
    auto const reply = wire::decode_reply({told->code, told->payload});
    auto const* const agreement = reply ? std::get_if<wire::negotiated>(&*reply) : nullptr;
    if (!agreement) return fail("no answer to the negotiation, but something else");
    agreed = {agreement->version, actions(agreement->actions.bits()), steps(agreement->steps.bits())};
    auto lists = *agreement;
    while (auto const one = lists.next())
        macro_lists.emplace_back(static_cast<macro_stage>(one->stage), one->names);
    // protocol 3: only what was offered.
    if (agreed.version > offer.version || agreed.version < 2) fail("a version that was not offered");
    if (!(agreed.actions - offer.actions).empty()) fail("actions that were not offered");
    if (!(agreed.steps - offer.steps).empty()) fail("steps that were not offered");
}

heard mta::machine::listen() {
    heard all;
    listener visitor{all};
    while (way_) {
        auto const told = way_->receive();
        if (!told) {
            fail(told.error());
            break;
        }
        auto const reply = wire::decode_reply({told->code, told->payload});
        if (!reply) {
            fail(std::string(wire::describe(reply.error())));
            break;
        }
        if (std::visit(visitor, *reply)) {
            if (all.what == verdict::lost) fail(all.text);
            return all;
        }
    }
    all.what = verdict::lost;
    all.text = error;
    return all;
}

heard mta::machine::ask(wire::command const& what, milter::steps not_sent, milter::steps no_reply) {
    heard all;
    if (way_ && !(agreed.steps & not_sent).empty()) {
        all.what = verdict::not_sent;
        return all;
    }
    send(what);
    if (way_ && !(agreed.steps & no_reply).empty()) {
        all.what = verdict::not_answered;
        return all;
    }
    if (way_) return listen();
    all.text = error;
    return all;
}

mta::mta(std::string_view spec, mta_options options) {
    tl::expected<std::unique_ptr<library::transport>, std::string> way;
    if (auto const where = wire::endpoint::parse(spec))
        way = library::connect_to(*where, options.timeout);
    else
        way = tl::unexpected(where.error());
    machine_ = std::make_unique<machine>(std::move(way), options);
}
mta::mta(std::unique_ptr<machine> what) : machine_(std::move(what)) {}
mta::mta(mta&&) noexcept = default;
mta& mta::operator=(mta&&) noexcept = default;
mta::~mta() = default;

mta drive(maker make, mta_options options) {
    return mta(
        std::make_unique<mta::machine>(library::in_this_process(std::move(make), options.timeout), options));
}

mta::operator bool() const {
    return machine_->error.empty();
}
std::string const& mta::error() const {
    return machine_->error;
}
agreement const& mta::agreed() const {
    return machine_->agreed;
}
std::vector<std::pair<macro_stage, std::string>> const& mta::macro_lists() const {
    return machine_->macro_lists;
}

void mta::macros(macro_stage stage, macro_pairs pairs) {
    std::string bytes;
    for (auto const& [name, value] : pairs) {
        bool const bare = name.size() > 1 && name.front() != '{';
        wire::append_string(bytes, bare ? "{" + std::string(name) + "}" : std::string(name));
        wire::append_string(bytes, value);
    }
    machine_->send(wire::macros{letter_of(stage), wire::strings(bytes)});
}

heard mta::connect(std::string_view host, std::string_view address, std::uint16_t port) {
    wire::connect who{host, 'U', port, address};
    if (address.starts_with('/'))
        who.family = 'L';
    else if (address.find(':') != std::string_view::npos)
        who.family = '6';
    else if (!address.empty())
        who.family = '4';
    return machine_->ask(who, step::no_connect, step::no_reply_connect);
}

heard mta::helo(std::string_view name) {
    return machine_->ask(wire::helo{name}, step::no_helo, step::no_reply_helo);
}

heard mta::mail(std::string_view address, std::initializer_list<std::string_view> parameters) {
    auto const bytes = joined(parameters);
    return machine_->ask(wire::mail{address, wire::strings(bytes)}, step::no_mail, step::no_reply_mail);
}

heard mta::rcpt(std::string_view address, std::initializer_list<std::string_view> parameters) {
    auto const bytes = joined(parameters);
    return machine_->ask(wire::rcpt{address, wire::strings(bytes)}, step::no_rcpt, step::no_reply_rcpt);
}

heard mta::data() {
    return machine_->ask(wire::data{}, step::no_data, step::no_reply_data);
}

heard mta::unknown(std::string_view line) {
    return machine_->ask(wire::unknown{line}, step::no_unknown, step::no_reply_unknown);
}

heard mta::header(std::string_view name, std::string_view value) {
    return machine_->ask(wire::header{name, value}, step::no_headers, step::no_reply_header);
}

heard mta::end_of_headers() {
    return machine_->ask(wire::end_of_headers{}, step::no_end_of_headers, step::no_reply_end_of_headers);
}

heard mta::body(std::string_view bytes) {
    heard last;
    last.what = verdict::not_sent;
    while (!bytes.empty()) {
        last = machine_->ask(wire::body{bytes.substr(0, largest_piece)}, step::no_body, step::no_reply_body);
        if (last.what != verdict::go_on && last.what != verdict::not_answered) break;
        bytes.remove_prefix(std::min(bytes.size(), largest_piece));
    }
    return last;
}

heard mta::end_of_message() {
    return machine_->ask(wire::end_of_message{}, {}, {});
}

void mta::abort() {
    machine_->send(wire::abort{});
}

void mta::quit() {
    machine_->send(wire::quit{});
}

} // namespace v3
} // namespace milter
