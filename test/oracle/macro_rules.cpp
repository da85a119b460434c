#include "oracle/macro_rules.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace milter::oracle {

namespace {

bool contains(names const& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view bare(std::string_view name) {
    return name.starts_with('{') ? name.substr(1, name.size() - 2) : name;
}

// protocol 5.4
std::array<names, 7> usual_names(bool sendmail) {
    constexpr char const* of_sendmail[] = {
        "j _ daemon_name if_name if_addr",
        "tls_version cipher cipher_bits cert_subject cert_issuer",
        "i auth_type auth_authen auth_ssf auth_author mail_mailer mail_host "
        "mail_addr",
        "rcpt_mailer rcpt_host rcpt_addr",
        "",
        "msg_id",
        ""};
    constexpr char const* of_postfix[] = {
        "j daemon_name daemon_addr v _",
        "tls_version cipher cipher_bits cert_subject cert_issuer",
        "i auth_type auth_authen auth_author mail_addr mail_host mail_mailer",
        "i rcpt_addr rcpt_host rcpt_mailer",
        "i",
        "i",
        "i"};
    std::array<names, 7> all;
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = names_on_wire(sendmail ? of_sendmail[i] : of_postfix[i]);
    return all;
}
names const& usual(mta_kind mta, std::uint32_t stage) {
    static auto const sendmail = usual_names(true);
    static auto const postfix = usual_names(false);
    return (mta == mta_kind::sendmail ? sendmail : postfix).at(stage);
}

// What the administrator of the MTA has it send.
names by_itself(session_case const& mta, std::uint32_t stage) {
    auto list = usual(mta.mta, stage);
    for (auto const& more : mta.more_macros)
        if (!contains(list, more)) list.push_back(more);
    return list;
}

// What the manager takes for the usual list: both when it does not know the MTA (chain P9).
names assumed(session_case const& mta, std::uint32_t stage) {
    auto list = usual(mta.mta, stage);
    if (!mta.recognises && mta.mta != mta_kind::generic) return list;
    for (auto const one : {mta_kind::postfix, mta_kind::sendmail})
        for (auto const& name : usual(one, stage))
            if (!contains(list, name)) list.push_back(name);
    return list;
}

using pairs = std::vector<std::pair<std::string_view, std::string_view>>; // names as on the wire

pairs pairs_of(mta_event const& what) {
    pairs all;
    std::string_view left = what.macros ? std::string_view(*what.macros) : std::string_view();
    auto const next = [&] {
        auto const text = left.substr(0, left.find('\0'));
        left.remove_prefix(text.size() + 1);
        return text;
    };
    while (!left.empty()) {
        auto const name = next();
        all.emplace_back(name, next());
    }
    return all;
}

std::string packed(char code, pairs const& all, names const& order, names const& only) {
    std::string bytes(1, code);
    for (auto const& name : order)
        for (auto const& [written, value] : all)
            if (bare(written) == name && contains(only, name))
                bytes.append(written).append(1, '\0').append(value).append(1, '\0');
    return bytes;
}

} // namespace

std::optional<std::uint32_t> macro_stage_of(char code) {
    constexpr std::string_view in_order = "CHMRTEN";
    auto const at = in_order.find(code);
    if (at == in_order.npos) return {};
    return static_cast<std::uint32_t>(at);
}

names names_on_wire(std::string_view text) {
    names list;
    std::istringstream in{std::string(text)};
    for (std::string name; in >> name;)
        list.emplace_back(bare(name));
    return list;
}

std::string names_for_wire(names const& list) {
    std::string text;
    for (auto const& name : list)
        text += (text.empty() ? "" : " ") + (name.size() == 1 ? name : "{" + name + "}");
    return text;
}

std::optional<std::string> macros_sent(session_case const& by, mta_event const& what,
                                       macro_lists const& asked) {
    if (!what.macros) return {};
    auto const stage = macro_stage_of(what.code);
    if (!stage) { // of Postfix only, with lists that no filter can ask for (protocol 5.2)
        auto const all = pairs_of(what);
        names everything;
        for (auto const& one : all)
            everything.emplace_back(bare(one.first));
        return packed(what.code, all, everything, everything);
    }
    auto const override = asked.find(*stage);
    auto const list = override == asked.end() ? by_itself(by, *stage) : override->second;
    if (list.empty() && by.mta == mta_kind::sendmail) return {};
    return packed(what.code, pairs_of(what), list, list);
}

std::optional<std::string> macros_given(session_case const& by, child_plan const& to, mta_event const& what,
                                        macro_lists const& asked) {
    auto const stage = macro_stage_of(what.code);
    if (!stage || !macros_sent(by, what, asked)) return {}; // filters ignore those of L B U (protocol 5.1)
    auto const override = asked.find(*stage);
    bool const is_overridden = override != asked.end();
    auto wanted = is_overridden ? assumed(by, *stage) : by_itself(by, *stage);
    if (auto const own = to.lists.find(*stage); own != to.lists.end()) {
        if (own->second.empty()) return {};
        bool const can_be_asked = (by.offers.actions & macro_lists_bit) != 0;
        std::erase_if(wanted, [&](auto const& name) { return !contains(own->second, name); });
        // chain P9: what one of the MTAs that it may be sends by itself is no reason to ask for it.
        auto const of_itself = assumed(by, *stage);
        for (auto const& name : own->second)
            if (can_be_asked && !contains(wanted, name) && !contains(of_itself, name)) wanted.push_back(name);
    }
    // In the order in which the MTA has them; what it was not asked for and should have been, behind.
    auto order = is_overridden ? override->second : by_itself(by, *stage);
    for (auto const& name : wanted)
        if (!contains(order, name)) order.push_back(name);
    return packed(what.code, pairs_of(what), order, wanted);
}

} // namespace milter::oracle
