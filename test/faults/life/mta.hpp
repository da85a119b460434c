// One session of the MTA in a long life: says what its plan says, one command at a time or all at once, goes
// wrong where the plan says so, and writes what it was answered into the book. Must never know what a child
// does.
#pragma once

#include "faults/life/world.hpp"
#include "io/line.hpp"
#include "wire/options.hpp"

#include <deque>
#include <functional>
#include <memory>

namespace milter::life {

class mta final : public io::line_user {
public:
    using on_ended = std::function<void(mta&)>;

    // ended: called once, from inside; the owner drops it later.
    mta(world& in, plan what, on_ended ended);
    ~mta();

    void start(wire::endpoint const& manager);
    plan const& what() const { return plan_; }
    std::string standing() const; // for people: where it waits

    void on_connected(io::line&) override;
    void on_frame(io::line&, wire::frame const& packet) override;
    void on_frames_done(io::line&) override;
    void on_lost(io::line&, io::lost why, std::string const& detail) override;

private:
    struct command {
        char code;
        std::string packets; // with its macros
        std::size_t mail;    // counts from 0
    };
    void write_script();
    void add(char code, std::string_view payload, std::size_t mail, std::string_view macros = {});
    void add_mail(std::size_t mail);
    bool is_answered(char code) const;

    void go_on();
    bool goes_wrong();
    void misbehave();
    void give_mail_up();
    void next_mail();
    void leave();
    void end();

    void answered(wire::frame const& packet);
    void edited(wire::frame const& packet);
    void conclude(command const& to, char letter);
    void wrong(std::string const& what);
    record& mine() { return in_.book[plan_.number]; }

    world& in_;
    plan plan_;
    on_ended ended_;
    std::shared_ptr<io::line> line_;
    std::deque<command> script_;
    std::size_t position_ = 0;
    std::deque<std::size_t> owed_; // positions in the script
    wire::steps steps_;
    mail_result result_; // of the mail at hand
    std::string body_;
    bool body_came_ = false;
    bool given_up_ = false;
    bool waits_for_close_ = false; // whatever else comes
    bool leaving_ = false;         // nothing else may come
};

} // namespace milter::life
