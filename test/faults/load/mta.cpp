#include "faults/load/mta.hpp"

#include "core/stage.hpp"
#include "wire/reply.hpp"

#include <utility>

namespace milter::load {

mta::mta(asio::io_context& context, std::uint64_t number, on_ended ended)
    : context_(context), number_(number), ended_(std::move(ended)) {
    using namespace std::literals;
    auto const digits = std::to_string(number);
    script_ = {{'O', "\0\0\0\6\0\0\x01\xFF\0\x1F\xFF\xFF"s},
               {'C', "client.example\0004\x61\xA8"s + "192.0.2.1\0"s},
               {'H', "client.example\0"s},
               {'M', "<" + digits + "@example.com>\0"s},
               {'R', "<to@example.net>\0"s},
               {'T', ""},
               {'L', "Subject\0 number "s + digits + "\0"s},
               {'N', ""},
               {'B', "text of " + digits + "\r\n"},
               {'E', ""}};
}

mta::~mta() {
    if (line_) line_->close();
}

void mta::start(std::span<wire::endpoint const> managers) {
    managers_ = managers;
    connect();
}

void mta::connect() {
    line_ = std::make_shared<io::line>(context_, *this, std::size_t{1} << 20);
    line_->connect(managers_[tried_++]);
}

void mta::go_on() {
    while (!waits_ && position_ < script_.size()) {
        auto const& next = script_[position_];
        wire::append_frame(line_->queue(), next.code, next.payload);
        auto const silence = core::silence_of(*core::stage_of(next.code));
        waits_ = silence.empty() || !steps_.has_all(silence);
        if (!waits_) ++position_;
    }
    line_->flush();
}

void mta::on_frame(io::line&, wire::frame const& packet) {
    if (packet.code == 'p' || !ended_) return;
    if (leaving_ || !waits_) return end(std::string("an answer to nothing: ") + packet.code);
    if (packet.code == 'h')
        edited(packet);
    else
        answered(packet);
}

void mta::on_frames_done(io::line&) {
    if (ended_ && !waits_ && !leaving_) go_on();
}

void mta::on_lost(io::line&, io::lost why, std::string const& detail) {
    if (why == io::lost::no_connection && tried_ < managers_.size()) return connect();
    if (why == io::lost::closed && leaving_) return end("");
    auto const at = position_ < script_.size() ? script_[position_].code : 'Q';
    end(std::string("lost at ") + at + ": " + std::string(io::describe(why)) + " " + detail);
}

void mta::edited(wire::frame const& packet) {
    auto const said = wire::decode_reply(packet);
    auto const* const field = said ? std::get_if<wire::add_header>(&*said) : nullptr;
    if (field == nullptr || script_[position_].code != 'E') return end("a broken change");
    for (std::size_t i = 0; i < names.size(); ++i)
        if (field->name == "X-" + std::string(names.at(i))) headers_ |= 1U << i;
    std::string_view value = field->value;
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (value != std::to_string(number_)) end("a field of another message: " + std::string(value));
}

void mta::answered(wire::frame const& packet) {
    auto const at = script_[position_++].code;
    waits_ = false;
    if (at == 'O') {
        auto const said = wire::decode_reply(packet);
        if (packet.code != 'O' || !said) return end("not an answer to the offer");
        steps_ = std::get<wire::negotiated>(*said).steps;
        return;
    }
    bool const decides = at == 'E' || packet.code != 'c';
    if (!decides) return;
    auto const expected = outcome_of(number_);
    outcome const got{at, packet.code, packet.code == 'c' ? headers_ : 0};
    auto const text = [](outcome const& one) {
        return std::string{one.letter} + " at " + one.stage + " with headers " + std::to_string(one.headers);
    };
    if (got != expected) return end("a wrong verdict: " + text(got) + " instead of " + text(expected));
    if (got.letter == 'y' && packet.payload.find("not " + std::to_string(number_)) == std::string_view::npos)
        return end("the reply to another message");
    leave();
}

void mta::leave() {
    leaving_ = true;
    if (position_ < script_.size()) wire::append_frame(line_->queue(), 'A', "");
    wire::append_frame(line_->queue(), 'Q', "");
    line_->flush();
}

void mta::end(std::string const& wrong) {
    if (!ended_) return;
    line_->close();
    auto const tell = std::exchange(ended_, nullptr);
    tell(*this, wrong.empty() ? wrong : "session " + std::to_string(number_) + ": " + wrong);
}

} // namespace milter::load
