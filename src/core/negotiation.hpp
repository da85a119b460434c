// The MTA's offer and the children's needs → one agreement with the MTA, and per child what it was promised
// (chain IV.1). Pure functions of their arguments.
#pragma once

#include "core/policy.hpp"
#include "core/stage.hpp"
#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace milter::core {

// The macro names that a child asked for at one stage; without a list it gets the MTA's default.
using macro_names = std::optional<std::vector<std::string>>;

// What was agreed with one child.
struct child_agreement {
    std::uint32_t version = 0;
    wire::actions actions;
    wire::steps steps; // as the child set them, plus what its version implies
    std::array<macro_names, wire::macro_stage_count> macros;
    wire::actions masked; // claimed without having been offered (chain P7)
    stage_macros extra;   // what the administrator wants for it besides (chain P9)

    bool wants(stage at) const { return !steps.has_all(opt_out_of(at)) || opt_out_of(at).empty(); }
    bool answers(stage at) const {
        return wants(at) && (silence_of(at).empty() || !steps.has_all(silence_of(at)));
    }
    bool can_change_headers() const {
        return actions.has(wire::action::add_headers) || actions.has(wire::action::change_headers);
    }
    bool can_change_body() const { return actions.has(wire::action::change_body); }
};

// What a child is offered when the MTA offers this (chain P2).
wire::negotiate offer_to_child(wire::negotiate const& from_mta);

// A child's answer to its offer (chain P7); the error is a text for the log.
tl::expected<child_agreement, std::string> read_answer(wire::negotiate const& offer,
                                                       wire::negotiated const& answer);

// What a child may still become, as far as the answer to the MTA is concerned.
struct prospect {
    child_agreement const* agreed = nullptr; // now, or last time; null: not known, it may want anything
    bool can_refuse = false;                 // its fallback may refuse at any stage
    bool can_quarantine = false;             // its fallback may
    bool only_watches = false;               // in evaluation mode: what it says reaches nobody
    stage_macros const* extra = nullptr;     // wanted for it in any case; null: none
    bool not_asked = false;                  // yet: it is connected later, if at all (chain P3)
    std::uint32_t child = 0;                 // position in policy::children
};

struct mta_agreement {
    std::uint32_t version = 0;
    wire::actions actions;
    wire::steps steps;
    std::string macro_lists; // bytes of wire::negotiated::macro_lists

    bool answered(stage at) const { return silence_of(at).empty() || !steps.has_all(silence_of(at)); }
};

// The answer to the MTA (chain P1, P3 to P6, P9, P11). No prospects: nothing is wanted at all.
mta_agreement answer_to_mta(wire::negotiate const& offer, std::span<prospect const> children,
                            mta_kind assumed);

// The default names of a stage, of the MTAs that it may be (protocol 5.4), without braces.
std::vector<std::string_view> default_macros(wire::macro_stage at, mta_kind assumed);

// A macro name without its braces.
std::string_view bare_name(std::string_view name);
// The names of a list as it stands in a packet (protocol 3.6), bare.
std::vector<std::string> split_macro_names(std::string_view text);

} // namespace milter::core
