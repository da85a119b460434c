// The stages by the names that milter-test-client knows them by. Only names: what may be answered there is
// settled elsewhere.
#pragma once

#include <optional>
#include <string_view>

namespace milter::tools::test_client {

// The letter of "connect", "envelope-from" (or "mail"), ...
std::optional<char> stage_by_name(std::string_view name);
// Whether the protocol has the answer there, by their letters (protocol 8).
bool has_discard(char stage);
bool has_accept(char stage);

} // namespace milter::tools::test_client
