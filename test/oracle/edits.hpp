// Edits of children on the model of a message: what an MTA makes of one, and which of them it would let pass.
// Must share no code with src/core.
#pragma once

#include "oracle/mail_model.hpp"
#include "oracle/session_case.hpp"

#include <optional>
#include <vector>

namespace milter::oracle {

// Applies edits in their order, the new body last. raw: values come with their leading blank (chain P33).
void apply_edits(mail_model& to, std::vector<packet> const& edits, bool raw);

// The edit as it may be made, if it may: it was declared and offered (DEV chain P40), and is one (P66).
std::optional<packet> permitted(packet const& edit, child_plan const& by, offer const& mta);

} // namespace milter::oracle
