// The macros that an MTA told, by stage, with the lifetimes of protocol 5.3. Never interprets a value and
// never forgets one before its time.
#pragma once

#include "wire/command.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace milter::filter {

struct macro_value {
    std::string name; // without braces
    std::string value;
};

class macros {
public:
    // A new set replaces its stage; sets without pairs and those of other commands leave everything as it is.
    void take(wire::macros told);
    // A command begins a stage: what belongs to later ones is over.
    void begin(char command);
    void clear();

    // The latest stage that has it; name with or without braces.
    std::optional<std::string_view> find(std::string_view name) const;

private:
    static constexpr std::string_view stages = "CHMRTNE";
    std::array<std::vector<macro_value>, stages.size()> told_;
};

// All pairs of one packet.
std::vector<macro_value> pairs_of(wire::macros told);

} // namespace milter::filter
