#include "faults/life/child.hpp"

#include "wire/reply.hpp"

#include <charconv>
#include <stdexcept>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace milter::life {

class conversation final : public io::line_user, public std::enable_shared_from_this<conversation> {
public:
    conversation(child& owner, std::uint64_t connection)
        : owner_(owner), me_(cast[owner.which()]), connection_(connection) {}
    ~conversation() {
        if (line_) line_->close();
    }

    void begin(io::descriptor socket) {
        line_ = std::make_shared<io::line>(owner_.in().context, *this, std::size_t{1} << 20);
        line_->attach(std::move(socket));
    }

    void on_frame(io::line&, wire::frame const& packet) override {
        if (mute_) return;
        if (packet.code == wire::connect::code) learn_session(packet);
        if (packet.code == wire::mail::code || packet.code == wire::abort::code) body_.clear();
        if (packet.code == wire::body::code) body_ += packet.payload;
        if (!wire::wants_reply(packet.code)) return;
        if (packet.code == wire::end_of_message::code) check_body();
        if (auto const how = due(packet.code))
            misbehave(*how);
        else if (packet.code == wire::end_of_message::code && plan_.slow_child == owner_.which())
            think();
        else
            answer(packet.code);
    }
    void on_frames_done(io::line&) override { line_->flush(); }
    void on_lost(io::line&, io::lost, std::string const&) override { owner_.ended(*this); }

private:
    std::uint8_t my_bit() const { return static_cast<std::uint8_t>(1U << owner_.which()); }
    record& mine() { return owner_.in().book[plan_.number]; }

    // The client's name is "NUMBER.example".
    void learn_session(wire::frame const& packet) {
        std::uint64_t number = 0;
        std::from_chars(packet.payload.data(), packet.payload.data() + packet.payload.size(), number);
        if (number >= owner_.in().book.size()) {
            owner_.in().wrong.push_back(std::string(me_.name) + " is told of a session that there is not");
            return;
        }
        plan_ = plan_of(owner_.in().seed, number);
        mine().seen |= my_bit();
    }

    std::optional<fault> due(char at) {
        if (at == wire::negotiate::code) {
            auto const how = fault_at_offer(owner_.in().seed, owner_.which(), connection_);
            if (how) ++owner_.in().failed_offers[owner_.which()];
            return how;
        }
        for (auto const& one : plan_.troubles) {
            if (one.child != owner_.which() || one.at != at || (mine().fired & my_bit()) != 0) continue;
            mine().fired |= my_bit();
            return one.how;
        }
        return {};
    }

    void misbehave(fault how) {
        ++owner_.in().faults[static_cast<std::size_t>(how)];
        mute_ = true;
        constexpr std::string_view half("\0\0\0", 3);
        constexpr std::string_view absurd("\xFF\xFF\xFF\xFF"
                                          "c",
                                          5);
        if (how == fault::cuts || how == fault::stalls_inside) line_->send(half);
        if (how == fault::absurd_length) line_->send(absurd);
        if (how == fault::unknown_letter) wire::append_frame(line_->queue(), 'Z', "?");
        if (how == fault::resets) world::reset_at_close(line_->native_handle());
        if (how == fault::is_deaf) owner_.in().go_deaf(line_->native_handle());
        if (how != fault::closes && how != fault::resets && how != fault::cuts && how != fault::is_deaf)
            return;
        line_->close();
        owner_.ended(*this);
    }

    void answer(char to) {
        if (to == wire::negotiate::code) {
            auto const claims = owner_.which() == beta ? wire::action::add_headers | wire::action::change_body
                                                       : wire::actions(wire::action::add_headers);
            return wire::encode(line_->queue(), wire::negotiated{wire::newest_version, claims, {}, {}});
        }
        if (to == wire::end_of_message::code) change();
        wire::encode(line_->queue(), wire::decision{wire::answer::go_on});
    }

    void check_body() {
        bool const new_one = owner_.which() == gamma && plan_.new_body_lines;
        if (body_ != (new_one ? plan_.new_body() : plan_.body()))
            owner_.in().wrong.push_back(plan_.text() + ": the body is not right at " + std::string(me_.name));
    }

    void change() {
        auto const value = std::to_string(plan_.number);
        wire::encode(line_->queue(), wire::add_header{"X-" + std::string(me_.name), value});
        if (owner_.which() != beta || !plan_.new_body_lines) return;
        auto const text = plan_.new_body();
        constexpr std::size_t most = 65'535;
        std::size_t at = 0;
        do {
            wire::encode(line_->queue(), wire::replace_body{std::string_view(text).substr(at, most)});
            at += most;
        } while (at < text.size());
    }

    void think() {
        wire::encode(line_->queue(), wire::progress{});
        auto const timer =
            std::make_shared<asio::steady_timer>(owner_.in().context, owner_.in().patience / 10);
        timer->async_wait([timer, self = weak_from_this()](boost::system::error_code) {
            auto const alive = self.lock();
            if (!alive || !alive->line_->is_open()) return;
            alive->answer(wire::end_of_message::code);
            alive->line_->flush();
        });
    }

    child& owner_;
    member const& me_;
    std::uint64_t connection_;
    plan plan_;
    std::shared_ptr<io::line> line_;
    std::string body_;
    bool mute_ = false;
};

child::child(world& in, std::size_t which, wire::endpoint const& where)
    : in_(in), which_(which), where_(where) {
    auto const opened = io::open_listener(where, {});
    if (!opened) throw std::runtime_error(opened.error());
    if (where_.family != wire::endpoint::kind::unix_socket) where_.port = io::bound_port(*opened);
    listener_ = std::make_unique<io::listener>(
        in_.context, *opened, [this](io::descriptor socket) { accepted(std::move(socket)); },
        [this](std::string const& why) { in_.wrong.push_back("a child cannot accept: " + why); });
    listener_->start();
}

child::~child() = default;

std::string child::endpoint() const {
    return where_.text();
}

void child::accepted(io::descriptor socket) {
    ++in_.open_conversations;
    auto const one = std::make_shared<conversation>(*this, connections_++);
    open_.emplace(one.get(), one);
    one->begin(std::move(socket));
}

// Called from inside, so it goes later.
void child::ended(conversation& one) {
    auto const found = open_.find(&one);
    if (found == open_.end()) return;
    asio::post(in_.context, [last = found->second] {});
    open_.erase(found);
    --in_.open_conversations;
}

} // namespace milter::life
