// One command of the MTA that every child may answer: connect, helo, mail, rcpt, data, unknown (chain IV.2).
// Asks the children by the dispatch rule (V.2) and counts their ballots; what the outcome means is the
// session's business.
#pragma once

#include "core/applicability.hpp"
#include "core/scene.hpp"
#include "core/verdict.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace milter::core {

class envelope {
public:
    struct command {
        stage at = stage::connect;
        std::string_view payload;
        bool refused_recipient = false; // by the MTA itself (chain P21)
        std::uint64_t number = 0;       // tells the commands of a session apart
        std::string recipient{};        // as the client wrote it
        std::uint64_t size = 0;         // bytes, as the client announced with the sender; 0 = not
    };
    envelope(scene& shared, applicability& conditions, command what);

    stage at() const { return at_; }
    bool refused_recipient() const { return refused_recipient_; }
    std::string const& recipient() const { return recipient_; }

    // Asks whoever may be asked by now. To be called after everything that happened.
    outcome advance();
    verdict const& said_by(std::size_t i) const { return ballots_[i].said; }
    bool waits_for(child_index i) const { return ballots_[i].at == ballot::state::asked; }

    // A child that has missed the client's connect or helo, and refuses it now that it is told (chain P51).
    void answered_late(child_index i, verdict said);
    // A child's answer to this command.
    void answered(child_index i, verdict said);
    // The chain's time is up: whoever has not answered fails, in order.
    void time_is_up();

private:
    void start(child_index i, bool earlier_answered);
    bool concerns(child_index i, bool earlier_answered);
    void leave_out(child_index i);
    bool was_shown_nobody(child_index i);
    void start_ready(child_index i);
    bool fits_unknown(child_index i) const;
    bool in_parallel(child_index i) const;

    scene& shared_;
    applicability& conditions_;
    stage at_;
    std::string payload_;
    bool refused_recipient_;
    std::uint64_t number_;
    std::string recipient_;
    std::uint64_t size_;
    std::vector<ballot> ballots_;
};

} // namespace milter::core
