// What is outside core::session, as little of it as there can be: children that agree to everything and go
// on, bodies that nobody keeps, time that does not pass. What it does itself allocates nothing, once it is
// warm.
#pragma once

#include "core/session.hpp"
#include "load/mail_plan.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace milter::bench {

// The packets of an MTA, from its offer to its quit.
struct packets {
    explicit packets(mail_plan const& plan);
    std::string bytes;
    struct place {
        char code;
        std::size_t begin; // of its payload in bytes
        std::size_t size;
    };
    std::vector<place> all;
    wire::frame at(std::size_t i) const {
        return {all[i].code, std::string_view(bytes).substr(all[i].begin, all[i].size)};
    }

private:
    void add(std::string_view frames);
};

class stage {
public:
    stage();
    // A whole session; how often the core was called.
    std::size_t play(core::policy const& rules, packets const& said);

private:
    struct to_come { // from a child
        enum class kind : std::uint8_t { connection, agreement, go_on, body_left };
        to_come::kind what;
        core::child_index child;
    };
    void happen(core::session& session, core::event const& what);
    void perform(core::action const& what);
    void hears(core::child_index child, std::string_view frames);
    core::event event_of(to_come const& next) const;

    std::string agreement_;
    core::actions todo_;
    std::vector<to_come> to_come_;
    std::size_t calls_ = 0;
};

} // namespace milter::bench
