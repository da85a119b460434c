// A terminal while a table is drawn on it: keys come at once and unseen, the screen is ours; all as before
// afterwards. Nothing happens to what is no terminal.
#pragma once

#include <chrono>
#include <string_view>

#include <termios.h>

namespace milter::tools::controller {

class terminal {
public:
    terminal();
    ~terminal();
    terminal(terminal const&) = delete;
    terminal& operator=(terminal const&) = delete;

    // In place of what was drawn before; cut to the size of the screen.
    void draw(std::string_view text) const;
    // Until then, or somebody wants to end: true. INT, TERM and HUP do, and the key q.
    bool wait(std::chrono::milliseconds time) const;

private:
    bool draws_ = false;
    bool reads_ = false;
    termios before_{};
};

} // namespace milter::tools::controller
