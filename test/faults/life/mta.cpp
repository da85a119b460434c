#include "faults/life/mta.hpp"

#include "core/stage.hpp"
#include "wire/reply.hpp"

#include <utility>

namespace milter::life {

namespace {

bool is_positive(char letter) {
    return letter == 'c' || letter == 's';
}

} // namespace

mta::mta(world& in, plan what, on_ended ended) : in_(in), plan_(std::move(what)), ended_(std::move(ended)) {}

mta::~mta() {
    if (line_) line_->close();
}

void mta::start(wire::endpoint const& manager) {
    ++in_.manners[static_cast<std::size_t>(plan_.mta)];
    write_script();
    line_ = std::make_shared<io::line>(in_.context, *this, std::size_t{1} << 20);
    line_->connect(manager);
}

// What it says.

void mta::add(char code, std::string_view payload, std::size_t mail, std::string_view macros) {
    command one{code, {}, mail};
    if (!macros.empty()) wire::append_frame(one.packets, 'D', {&code, 1}, macros);
    wire::append_frame(one.packets, code, payload);
    script_.push_back(std::move(one));
}

void mta::write_script() {
    using namespace std::literals;
    add('O', "\0\0\0\6\0\0\x01\xFF\0\x1F\xFF\xFF"sv, 0);
    auto const host = std::to_string(plan_.number) + ".example";
    add('C', host + "\0004\x61\xA8"s + "192.0.2.1\0"s, 0, plan_.postfix ? "v\0Postfix 3.7\0"sv : ""sv);
    add('H', host + "\0"s, 0);
    for (std::size_t i = 0; i < plan_.mails; ++i)
        add_mail(i);
}

void mta::add_mail(std::size_t mail) {
    using namespace std::literals;
    add('M', "<from@example.com>\0"sv, mail, "i\0QUEUEID\0"sv);
    add('R', "<to@example.net>\0"sv, mail, "i\0QUEUEID\0"sv);
    add('T', "", mail);
    add('L', "From\0 from@example.com\0"sv, mail);
    add('L', "Subject\0 a long life\0"sv, mail);
    add('N', "", mail);
    auto const body = plan_.body();
    constexpr std::size_t most = 65'535;
    for (std::size_t at = 0; at < body.size(); at += most)
        add('B', std::string_view(body).substr(at, most), mail);
    add('E', "", mail, "i\0QUEUEID\0"sv);
}

bool mta::is_answered(char code) const {
    auto const silence = core::silence_of(*core::stage_of(code));
    return silence.empty() || !steps_.has_all(silence);
}

void mta::on_connected(io::line&) {
    go_on();
}

void mta::go_on() {
    while (position_ < script_.size()) {
        if (goes_wrong()) {
            if (plan_.mta != manner::aborts) return misbehave();
            give_mail_up();
            continue;
        }
        auto const at = position_++;
        line_->send(script_[at].packets);
        if (!is_answered(script_[at].code)) continue;
        owed_.push_back(at);
        if (plan_.mta != manner::pipelines || at == 0) return line_->flush();
    }
    if (owed_.empty())
        leave();
    else
        line_->flush();
}

// It happens at one command: of a mail when one is given up, of the whole session else.
bool mta::goes_wrong() {
    if (plan_.mta == manner::proper || plan_.mta == manner::pipelines || given_up_) return false;
    auto const turn = plan_.turn % script_.size();
    if (plan_.mta != manner::aborts) return position_ == turn;
    return position_ >= turn && script_[position_].code != 'O' &&
           std::string_view("RTLNBE").find(script_[position_].code) != std::string_view::npos;
}

void mta::give_mail_up() {
    given_up_ = true;
    line_->send(std::string_view("\0\0\0\1A", 5));
    next_mail();
}

void mta::next_mail() {
    auto const mail = script_[position_].mail;
    while (position_ < script_.size() && script_[position_].mail == mail)
        ++position_;
    result_ = {};
}

void mta::misbehave() {
    given_up_ = waits_for_close_ = true;
    std::string_view const packets = script_[position_].packets;
    bool const whole = plan_.mta == manner::leaves || plan_.mta == manner::vanishes ||
                       plan_.mta == manner::resets || plan_.mta == manner::is_deaf;
    bool const half = plan_.mta == manner::cuts || plan_.mta == manner::stalls_inside;
    if (whole) line_->send(packets);
    if (half) line_->send(packets.substr(0, 1 + plan_.turn % (packets.size() - 1)));
    if (plan_.mta == manner::leaves) line_->send(std::string_view("\0\0\0\1A\0\0\0\1Q", 10));
    if (plan_.mta == manner::talks_rubbish) line_->send(std::string_view("\xFF\xFF\xFF\xFF*", 5));
    line_->flush();
    if (plan_.mta == manner::resets) world::reset_at_close(line_->native_handle());
    if (plan_.mta == manner::is_deaf) in_.go_deaf(line_->native_handle());
    bool const closes = plan_.mta == manner::vanishes || plan_.mta == manner::resets ||
                        plan_.mta == manner::cuts || plan_.mta == manner::is_deaf;
    if (closes) end(); // the others wait for the daemon to close
}

void mta::leave() {
    mine().complete = leaving_ = true;
    line_->send(std::string_view("\0\0\0\1Q", 5));
    line_->flush();
}

void mta::end() {
    line_->close();
    if (ended_) std::exchange(ended_, nullptr)(*this);
}

// What it is answered.

void mta::on_frame(io::line&, wire::frame const& packet) {
    if (packet.code == 'p' || waits_for_close_) return;
    if (leaving_ || owed_.empty()) return wrong(std::string("an answer to nothing: ") + packet.code);
    if (std::string_view("hb").find(packet.code) != std::string_view::npos)
        edited(packet);
    else
        answered(packet);
}

void mta::on_frames_done(io::line&) {
    if (owed_.empty() && !leaving_ && !waits_for_close_) go_on();
}

void mta::on_lost(io::line&, io::lost why, std::string const& detail) {
    bool const in_order = why == io::lost::closed && (leaving_ || waits_for_close_);
    if (!in_order && !waits_for_close_)
        wrong("the line was lost: " + std::string(io::describe(why)) + " " + detail);
    end();
}

void mta::edited(wire::frame const& packet) {
    if (script_[owed_.front()].code != 'E') return wrong("a change where none is due");
    auto const said = wire::decode_reply(packet);
    if (!said) return wrong("a broken change");
    if (auto const* const body = std::get_if<wire::replace_body>(&*said)) {
        body_ += body->bytes;
        body_came_ = true;
    } else if (auto const* const field = std::get_if<wire::add_header>(&*said)) {
        for (std::size_t i = 0; i < cast.size(); ++i)
            if (field->name == "X-" + std::string(cast[i].name))
                result_.headers = static_cast<std::uint8_t>(result_.headers | (1U << i));
        if (field->value != " " + std::to_string(plan_.number)) wrong("a field of another session");
    }
}

void mta::answered(wire::frame const& packet) {
    auto const at = owed_.front();
    owed_.pop_front();
    if (packet.code == 'O') {
        auto const said = wire::decode_reply(packet);
        if (!said || at != 0) return wrong("not an answer to the offer");
        steps_ = std::get<wire::negotiated>(*said).steps;
        return;
    }
    auto& letters = mine().letters;
    if (letters.find(packet.code) == std::string::npos) letters += packet.code;
    conclude(script_[at], packet.code);
}

void mta::conclude(command const& to, char letter) {
    bool const in_mail = to.code != 'C' && to.code != 'H';
    if (is_positive(letter) && to.code != 'E') {
        while (letter == 's' && plan_.mta != manner::pipelines && script_[position_].code == 'B')
            ++position_;
        return;
    }
    if (plan_.mta == manner::pipelines && in_mail && to.code != 'E') return; // the rest is under way
    result_.stage = to.code;
    result_.letter = letter;
    if (letter == 'c') {
        auto const expected = plan_.new_body_lines ? plan_.new_body() : "";
        result_.body_right = body_came_ == plan_.new_body_lines.has_value() && body_ == expected;
    }
    body_.clear();
    body_came_ = false;
    if (in_mail)
        mine().mails.push_back(result_);
    else
        mine().greeting = result_;
    result_ = {};
    if (plan_.mta == manner::pipelines) return;
    if (!in_mail) position_ = script_.size();
    if (in_mail && (to.code == 'R' || to.code == 'T')) line_->send(std::string_view("\0\0\0\1A", 5));
    if (in_mail && to.code != 'E') next_mail();
}

void mta::wrong(std::string const& what) {
    in_.wrong.push_back(plan_.text() + ": " + what);
    waits_for_close_ = true;
    leave();
}

std::string mta::standing() const {
    if (leaving_) return "has said Q";
    if (waits_for_close_) return "waits for the daemon to close";
    return owed_.empty() ? "is not connected"
                         : std::string("waits for the answer to ") + script_[owed_.front()].code;
}

} // namespace milter::life
