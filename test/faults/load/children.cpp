#include "faults/load/children.hpp"

#include "wire/command.hpp"
#include "wire/reply.hpp"

#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::load {

namespace {

// One child's answer to one command of every eighth message; everything else is "continue".
struct rule {
    std::uint64_t remainder;
    std::size_t child;
    char at;
    char letter;
};
constexpr std::uint64_t kinds = 8;
constexpr std::array<rule, 6> rules{{
    {1, 0, 'M', 'r'},
    {2, 1, 'R', 't'},
    {3, 2, 'E', 'y'},
    {4, 1, 'E', 'd'},
    {5, 0, 'M', 'a'}, // the others go on
    {7, 1, 'E', 'r'},
}};

rule const* rule_of(std::uint64_t number) {
    for (auto const& one : rules)
        if (number % kinds == one.remainder) return &one;
    return nullptr;
}

} // namespace

outcome outcome_of(std::uint64_t number) {
    auto const* const one = rule_of(number);
    if (one == nullptr) return {};
    if (one->letter == 'a') return {'E', 'c', 7U & ~(1U << one->child)};
    return {one->at, one->letter, 0};
}

class conversation final : public io::line_user {
public:
    explicit conversation(child& owner) : owner_(owner) {}
    ~conversation() {
        if (line_) line_->close();
    }

    void begin(io::descriptor socket) {
        line_ = std::make_shared<io::line>(owner_.context(), *this, std::size_t{1} << 20);
        line_->attach(std::move(socket));
    }
    void on_frame(io::line&, wire::frame const& packet) override {
        if (packet.code == 'M') // <NUMBER@example.com>
            std::from_chars(packet.payload.data() + 1, packet.payload.data() + packet.payload.size(),
                            number_);
        if (wire::wants_reply(packet.code)) answer(packet.code);
    }
    void on_frames_done(io::line&) override { line_->flush(); }
    void on_lost(io::line&, io::lost, std::string const&) override { owner_.ended(*this); }

private:
    void answer(char to) {
        auto& out = line_->queue();
        if (to == 'O')
            return wire::encode(
                out,
                wire::negotiated{wire::newest_version, wire::actions(wire::action::add_headers), {}, {}});
        if (to == 'E')
            wire::encode(
                out, wire::add_header{"X-" + std::string(names.at(owner_.which())), std::to_string(number_)});
        auto const* const one = to == 'M' || to == 'R' || to == 'E' ? rule_of(number_) : nullptr;
        if (one == nullptr || one->child != owner_.which() || one->at != to)
            wire::append_frame(out, 'c', "");
        else if (one->letter == 'y')
            wire::append_frame(out, 'y', "550 5.7.1 not " + std::to_string(number_) + std::string(1, '\0'));
        else
            wire::append_frame(out, one->letter, "");
    }

    child& owner_;
    std::uint64_t number_ = 0;
    std::shared_ptr<io::line> line_;
};

child::child(asio::io_context& context, std::size_t which, std::string const& directory)
    : context_(context), which_(which) {
    wire::endpoint where{wire::endpoint::kind::unix_socket, directory, 0, ""};
    where.path += "/" + std::string(names.at(which)) + ".sock";
    io::listen_options options;
    options.unix_mode = 0666; // the manager has dropped root
    auto const opened = io::open_listener(where, options);
    if (!opened) throw std::runtime_error(opened.error());
    listener_ = std::make_unique<io::listener>(
        context, *opened,
        [this](io::descriptor socket) {
            auto const one = std::make_shared<conversation>(*this);
            open_.emplace(one.get(), one);
            one->begin(std::move(socket));
        },
        [](std::string const& why) { throw std::runtime_error("a child cannot accept: " + why); });
    listener_->start();
}

child::~child() = default;

// Called from inside, so it goes later.
void child::ended(conversation& one) {
    auto const found = open_.find(&one);
    if (found == open_.end()) return;
    asio::post(context_, [last = found->second] {});
    open_.erase(found);
}

} // namespace milter::load
