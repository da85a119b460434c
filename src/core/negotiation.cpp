#include "core/negotiation.hpp"

#include <algorithm>
#include <iterator>

namespace milter::core {

namespace {

using wire::step;

constexpr wire::steps all_opt_outs{0x37F};
constexpr wire::steps all_silences{0xFF080};

// The stages whose "no reply" may be passed on to the MTA (chain P5).
constexpr std::array envelope_stages{stage::connect, stage::helo, stage::mail,
                                     stage::rcpt,    stage::data, stage::unknown};

// Suppressed towards the MTA when no child wants them. Mail and recipients are needed for the log, connect
// and helo are never suppressed (chain P4).
constexpr std::array suppressible{stage::data, stage::unknown, stage::end_of_headers};
constexpr std::array suppressible_content{stage::header, stage::body};

wire::steps implied_by_version(std::uint32_t version) {
    wire::steps implied;
    if (version <= 2) implied |= step::no_unknown;
    if (version <= 3) implied |= step::no_data;
    return implied;
}

wire::steps suppressed(wire::negotiate const& offer, std::span<prospect const> children) {
    auto const nobody_wants = [&](stage at) {
        return std::all_of(children.begin(), children.end(),
                           [&](prospect const& one) { return one.agreed && !one.agreed->wants(at); });
    };
    wire::steps result;
    for (auto const at : suppressible)
        if (nobody_wants(at)) result |= opt_out_of(at);
    bool const full_offer = offer.version >= 6 && offer.actions.has_all(wire::all_actions) &&
                            offer.steps.has_all(wire::all_steps);
    if (full_offer)
        for (auto const at : suppressible_content)
            if (nobody_wants(at)) result |= opt_out_of(at);
    return result;
}

wire::steps silent(std::span<prospect const> children) {
    wire::steps result = step::no_reply_header | step::no_reply_end_of_headers;
    bool const refuses =
        std::any_of(children.begin(), children.end(), [](prospect const& one) { return one.can_refuse; });
    if (refuses) return result;
    for (auto const at : envelope_stages) {
        bool const all_silent = std::all_of(children.begin(), children.end(), [&](prospect const& one) {
            return one.agreed && !one.agreed->answers(at);
        });
        bool const wanted = std::any_of(children.begin(), children.end(), [&](prospect const& one) {
            return one.agreed && one.agreed->wants(at);
        });
        if (all_silent && wanted) result |= silence_of(at);
    }
    return result;
}

std::vector<std::string_view> requested_macros(std::size_t at, std::span<prospect const> children) {
    std::vector<std::string_view> names;
    for (auto const& one : children) {
        if (one.agreed && one.agreed->macros.at(at))
            for (auto const& name : *one.agreed->macros.at(at))
                names.emplace_back(name);
        if (!one.extra) continue;
        if (auto const extra = one.extra->find(static_cast<wire::macro_stage>(at)); extra != one.extra->end())
            for (auto const& name : extra->second)
                names.push_back(bare_name(name));
    }
    return names;
}

std::string joined(std::vector<std::string_view> const& names) {
    std::string text;
    for (auto const name : names) {
        if (!text.empty()) text += ' ';
        if (name.size() == 1)
            text += name;
        else
            text.append("{").append(name).append("}");
    }
    return text;
}

bool add_missing(std::vector<std::string_view>& names, std::span<std::string_view const> more) {
    bool added = false;
    for (auto const name : more)
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(name);
            added = true;
        }
    return added;
}

// The lists of the stages where a child needs a name that the MTA does not send by itself (chain P9).
std::string macro_lists(std::span<prospect const> children, mta_kind assumed) {
    std::array<std::vector<std::string_view>, wire::macro_stage_count> lists;
    std::array<bool, wire::macro_stage_count> overridden{};
    for (std::size_t at = 0; at < lists.size(); ++at) {
        lists.at(at) = default_macros(static_cast<wire::macro_stage>(at), assumed);
        overridden.at(at) = add_missing(lists.at(at), requested_macros(at, children));
    }
    constexpr auto eom = static_cast<std::size_t>(wire::macro_stage::end_of_message);
    constexpr auto eoh = static_cast<std::size_t>(wire::macro_stage::end_of_headers);
    overridden.at(eom) = overridden.at(eoh) = overridden.at(eom) || overridden.at(eoh); // protocol 3.6
    std::string bytes;
    for (std::size_t at = 0; at < lists.size(); ++at)
        if (overridden.at(at))
            wire::append_macro_list(bytes, {static_cast<std::uint32_t>(at), joined(lists.at(at))});
    return bytes;
}

} // namespace

std::string_view bare_name(std::string_view name) {
    if (name.size() >= 2 && name.front() == '{' && name.back() == '}') return name.substr(1, name.size() - 2);
    return name;
}

std::vector<std::string> split_macro_names(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        auto const end = std::min(text.find_first_of(" ,\t"), text.size());
        if (end > 0) names.emplace_back(bare_name(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return names;
}

std::vector<std::string_view> default_macros(wire::macro_stage at, mta_kind assumed) {
    using names = std::vector<std::string_view>;
    names const tls{"tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"};
    names sendmail;
    names postfix;
    switch (at) {
    case wire::macro_stage::connect:
        sendmail = {"j", "_", "daemon_name", "if_name", "if_addr"};
        postfix = {"j", "daemon_name", "daemon_addr", "v", "_"};
        break;
    case wire::macro_stage::helo:
        sendmail = postfix = tls;
        break;
    case wire::macro_stage::mail:
        sendmail = {"i",           "auth_type",   "auth_authen", "auth_ssf",
                    "auth_author", "mail_mailer", "mail_host",   "mail_addr"};
        postfix = {"i", "auth_type", "auth_authen", "auth_author", "mail_addr", "mail_host", "mail_mailer"};
        break;
    case wire::macro_stage::rcpt:
        sendmail = {"rcpt_mailer", "rcpt_host", "rcpt_addr"};
        postfix = {"i", "rcpt_addr", "rcpt_host", "rcpt_mailer"};
        break;
    case wire::macro_stage::data:
    case wire::macro_stage::end_of_headers:
        postfix = {"i"};
        break;
    case wire::macro_stage::end_of_message:
        sendmail = {"msg_id"};
        postfix = {"i"};
        break;
    }
    if (assumed == mta_kind::sendmail) return sendmail;
    if (assumed == mta_kind::postfix) return postfix;
    add_missing(postfix, sendmail);
    return postfix;
}

wire::negotiate offer_to_child(wire::negotiate const& from_mta) {
    return {std::min(from_mta.version, wire::newest_version), from_mta.actions & wire::all_actions,
            from_mta.steps & wire::all_steps};
}

tl::expected<child_agreement, std::string> read_answer(wire::negotiate const& offer,
                                                       wire::negotiated const& answer) {
    if (answer.version < 2)
        return tl::unexpected("it answered protocol version " + std::to_string(answer.version));
    if (answer.version > offer.version)
        return tl::unexpected("it asks for protocol version " + std::to_string(answer.version) +
                              ", the MTA offers only " + std::to_string(offer.version));
    child_agreement agreed;
    agreed.version = answer.version;
    agreed.actions = answer.actions & offer.actions;
    agreed.masked = (answer.actions - offer.actions) - wire::actions(wire::action::set_macro_lists);
    // A promise not to answer needs nobody's consent; everything else does (chain P7).
    agreed.steps = (answer.steps & (offer.steps | all_silences)) | implied_by_version(answer.version);
    auto lists = answer;
    while (auto const list = lists.next()) {
        if (list->stage >= wire::macro_stage_count) continue;
        agreed.macros.at(list->stage) = split_macro_names(list->names);
    }
    return agreed;
}

mta_agreement answer_to_mta(wire::negotiate const& offer, std::span<prospect const> children,
                            mta_kind assumed) {
    mta_agreement agreed;
    agreed.version = std::min(offer.version, wire::newest_version);
    if (children.empty()) {
        wire::steps const never = step::no_connect | step::no_helo;
        agreed.steps = (all_opt_outs - never) & offer.steps;
        return agreed;
    }
    std::vector<prospect> heard; // an evaluation-mode child changes nothing but what must be sent (chain P63)
    std::copy_if(children.begin(), children.end(), std::back_inserter(heard),
                 [](prospect const& one) { return !one.only_watches; });
    wire::actions claimed;
    bool wants_refused_recipients = false;
    for (auto const& one : heard) {
        if (one.can_quarantine) claimed |= wire::action::quarantine;
        if (one.not_asked && !one.agreed) claimed |= offer.actions;
        if (!one.agreed) continue;
        claimed |= one.agreed->actions;
        if (one.agreed->masked.has(wire::action::add_recipient_with_args)) // degrades (chain P40)
            claimed |= wire::action::add_recipient;
        wants_refused_recipients |= one.agreed->steps.has(step::rejected_recipients);
    }
    wire::steps asked = suppressed(offer, children) | silent(heard) | step::skip | step::leading_space;
    if (wants_refused_recipients) asked |= step::rejected_recipients;
    agreed.steps = asked & offer.steps & wire::all_steps;
    agreed.actions = (claimed - wire::actions(wire::action::set_macro_lists)) & offer.actions;
    if (offer.actions.has(wire::action::set_macro_lists)) {
        agreed.macro_lists = macro_lists(heard, assumed);
        if (!agreed.macro_lists.empty()) agreed.actions |= wire::action::set_macro_lists;
    }
    return agreed;
}

} // namespace milter::core
