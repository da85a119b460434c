// The macros that the MTA has sent, by stage, and what of them a child is given (chain P9, P10, P21a). Values
// are passed on byte for byte; nothing is looked at but the names.
#pragma once

#include "core/condition.hpp"
#include "core/negotiation.hpp"

#include <array>
#include <string>
#include <string_view>

namespace milter::core {

// A macro that a condition has set for one child (chain P62): told with those of its stage, or of the next
// that can have some.
struct own_macro {
    stage at;
    std::string name; // without braces
    std::string value;
};

class macro_store {
public:
    // A D packet of the MTA. Stages that no command has are ignored.
    void store(wire::macros const& packet);
    // The command that they preceded is over: a later one of that stage has none until a D comes again.
    void used(stage at) { fresh_.at(index(at)) = false; }
    // A command comes: macros of an earlier one of that stage are not its own.
    void begin(stage at);
    // A new message: what the last one brought is gone.
    void forget_message();
    void forget_all();

    // Whether a D came for the command that is being handled.
    bool fresh(stage at) const { return fresh_.at(index(at)); }
    // The value of a macro (bare name) at a stage; "" when there is none.
    std::string_view value(stage at, std::string_view name) const;

    // The value at the latest stage that has one, of the bare name; "" when there is none.
    std::string_view find(std::string_view name) const;
    // All of them by bare name; a later stage's value wins.
    macro_values all() const;

    // What the MTA was asked for, on behalf of some child. At a stage without, what it sends by itself is
    // passed on untouched to whoever has no list.
    void set_lists(mta_agreement const& asked, mta_kind assumed);
    // Appends the D packet for a child, or nothing when it must not get one. repeated: for a command that is
    // told again, with what came with it the first time. own: what its conditions have set; it comes besides.
    void append(std::string& out, stage at, child_agreement const& child, std::span<own_macro const> own,
                bool repeated = false) const;

private:
    void clear(stage at);
    static std::size_t index(stage at) { return static_cast<std::size_t>(at); }
    void append_pairs(std::string& kept, stage at, child_agreement const& child,
                      std::span<own_macro const> own) const;
    bool only_for_others(wire::macro_stage at, std::string_view name) const;

    std::array<std::string, stage_count> pairs_;
    std::array<bool, stage_count> fresh_{};
    std::array<bool, stage_count> known_{}; // pairs_ holds a packet, perhaps one without a pair
    std::array<std::vector<std::string>, wire::macro_stage_count> requested_;
    mta_kind assumed_ = mta_kind::automatic;
};

} // namespace milter::core
