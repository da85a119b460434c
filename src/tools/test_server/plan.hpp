// The packets of one session in their order, without those that the milter does not want (tools A.2). Encodes
// them with their macros; never waits for anything.
#pragma once

#include "tools/test_server/settings.hpp"
#include "wire/reply.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace milter::tools::test_server {

// What the milter answered to the negotiation.
struct agreement {
    std::uint32_t version = wire::newest_version;
    wire::actions actions;
    wire::steps steps;
    std::map<char, std::vector<std::string>>
        macro_lists; // by the letter of the command; names without braces
};

struct planned {
    char code = 0;
    std::size_t index = 0; // of the recipient, header or piece
    bool answered = true;
};

class plan {
public:
    // told must outlive the plan.
    plan(settings const& told, agreement agreed);

    bool at_end() const { return at_ == steps_.size(); }
    planned const& next() { return steps_[at_++]; }
    // No more of this kind.
    void leave_out(char code);
    // Whether another recipient comes.
    bool more_recipients() const { return !at_end() && steps_[at_].code == wire::rcpt::code; }
    // Appends the packet, its macros before it.
    void encode(std::string& out, planned const& step) const;

private:
    void add(char code, std::size_t count, wire::steps not_wanted, wire::steps not_answered);
    void encode_macros(std::string& out, planned const& step) const;

    settings const& told_;
    agreement agreed_;
    std::vector<planned> steps_;
    std::size_t at_ = 0;
};

} // namespace milter::tools::test_server
