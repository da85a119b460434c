// What happens to a session, and its life.
#include "proxy/session.hpp"

#include "core/expects.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t most_from_mta = 1024 * 1024; // payload bytes of one packet (protocol 1)

constexpr std::uint32_t kind_shift = 24;
constexpr std::uint32_t child_mask = (1u << kind_shift) - 1;
constexpr std::uint32_t writing_kind = 0xFF; // our own: a peer that does not read
constexpr core::child_index the_mta = child_mask;

core::microseconds in_microseconds(clock::duration time) {
    return std::chrono::duration_cast<core::microseconds>(time);
}

} // namespace

io::deadlines::key session::key_of(core::deadline const& which) {
    return static_cast<std::uint32_t>(which.what) << kind_shift | which.child;
}

io::deadlines::key session::writing_key(core::child_index child) {
    return writing_kind << kind_shift | child;
}

session::session(std::shared_ptr<generation> of, observe::log& log, std::uint64_t number,
                 surroundings const& around, on_finished finished)
    : number_(number), context_(around.context), pool_(around.ready), health_(around.of_children),
      lists_(around.lists), of_(std::move(of)), rules_(of_->with.rules), core_(*rules_, &of_->known),
      report_(log, *rules_, number), statistics_(log, *rules_, number),
      witness_(of_->with.accounts, *rules_, number),
      recorder_(of_->with.records ? of_->with.records->begin(number) : nullptr),
      spool_(of_->with.body_memory, of_->with.spool_directory),
      deadlines_(*context_, [this](io::deadlines::key which) { deadline(which); }),
      mta_(*this, true, the_mta), finished_(std::move(finished)) {
    for (core::child_index i = 0; i < rules_->children.size(); ++i)
        children_.push_back(std::make_unique<peer>(*this, false, i));
}

session::~session() {
    deadlines_.stop();
    if (mta_.line) mta_.line->close();
    for (auto const& child : children_) {
        if (child->line) child->line->close();
        wait_for_answer({core::deadline::kind::reply, child->child}, false);
    }
}

void session::start(io::descriptor mta, core::mta_connected const& begun) {
    mta_.line = std::make_shared<io::line>(*context_, mta_, most_from_mta);
    mta_.line->attach(std::move(mta));
    happened(begun);
}

void session::stop() {
    happened(core::stop_now{});
}

std::optional<core::microseconds> session::idle() const {
    if (!core_.between_messages()) return {};
    return in_microseconds(clock::now() - active_);
}

sight session::look() const {
    auto const seen = core_.look();
    sight shown;
    shown.session = number_;
    shown.age = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begun_);
    shown.stage = core::name_of(seen.at);
    shown.client = seen.client_address;
    shown.host = seen.client_host;
    shown.sender = seen.sender;
    shown.queue_id = seen.queue_id;
    using awaited = core::session::sight::awaited;
    shown.waits = seen.waits == awaited::mta        ? "mta"
                  : seen.waits == awaited::children ? "children"
                                                    : "conditions";
    for (auto const i : seen.children)
        shown.children.push_back(rules_->children[i].name);
    return shown;
}

// A whole event: what it causes is performed and written.
void session::happened(core::event const& what) {
    auto const alive = shared_from_this();
    handle(what);
    flush();
}

void session::handle(core::event const& what) {
    auto const perform_all = [this] {
        for (auto const& one : todo_.todo())
            std::visit([this](auto const& asked) { perform(asked); }, one);
        todo_.clear();
    };
    tell_core(what);
    perform_all();
    while (!later_.empty()) {
        auto const next = later_.front();
        later_.pop_front();
        tell_core(next);
        perform_all();
    }
    if (core_.finished()) finish();
}

// A mistake of our own costs this session, not the others.
void session::tell_core(core::event const& what) {
    moment_ = clock::now();
    if (std::holds_alternative<core::from_mta>(what) || std::holds_alternative<core::mta_connected>(what))
        active_ = moment_;
    auto const now = in_microseconds(moment_.time_since_epoch());
    try {
        core_.handle(what, now, todo_);
    } catch (core::broken_invariant const& found) {
        report_.broken_invariant(found, core_.queue_id());
        if (of_->with.figures) of_->with.figures->broken_invariant();
        core_.break_off(now, todo_);
    }
}

void session::finish() {
    if (!finished_) return;
    deadlines_.stop();
    look_ups_.clear();
    // Not from inside: the owner drops the session.
    boost::asio::post(*context_,
                      [self = shared_from_this(), tell = std::exchange(finished_, nullptr)] { tell(*self); });
}

void session::flush() {
    for (auto const& child : children_)
        flush(*child);
    flush(mta_);
}

void session::flush(peer& one) {
    if (!one.line || !one.line->is_open() || one.line->unsent() == 0) return;
    one.line->flush();
    if (one.line->waiting_to_write() && !one.write_armed) {
        one.write_armed = true;
        auto const patience = one.is_mta ? rules_->idle_timeout : rules_->children[one.child].writing_timeout;
        deadlines_.arm(writing_key(one.child), patience);
    }
}

void session::deadline(io::deadlines::key which) {
    auto const child = which & child_mask;
    auto const kind = which >> kind_shift;
    if (kind != writing_kind) {
        core::deadline const passed{static_cast<core::deadline::kind>(kind), child};
        if (passed.what == core::deadline::kind::question && of_->with.figures)
            of_->with.figures->question_late();
        return happened(core::deadline_passed{passed});
    }
    if (child == the_mta) {
        lost_mta("it does not read", "");
        return happened(core::mta_lost{"it does not read"});
    }
    happened(core::child_lost{child, core::failure::stuck, "nothing was read within writing_timeout"});
}

// What a peer does on its line.

void session::peer::on_connected(io::line&) {
    dialling = false;
    owner.health_.connected(owner.rules_->children[child]);
    owner.happened(core::child_connected{child});
}

void session::peer::on_frame(io::line&, wire::frame const& packet) {
    first_use.reset();
    if (owner.report_.traces()) owner.report_.received(as_child(), packet, owner.core_.queue_id());
    if (is_mta) {
        if (owner.recorder_) owner.recorder_->said(packet);
        owner.handle(core::from_mta{packet});
    } else {
        owner.handle(core::from_child{child, packet});
    }
    // A line that is closed by then will not say that its frames are done.
    if (!line->is_open()) owner.flush();
}

void session::peer::on_frames_done(io::line&) {
    auto const alive = owner.shared_from_this();
    owner.flush();
}

void session::peer::on_drained(io::line&) {
    if (write_armed) owner.deadlines_.disarm(writing_key(child));
    write_armed = false;
    if (!std::exchange(tell_when_sent, false)) return;
    if (is_mta)
        owner.happened(core::body_sent_to_mta{});
    else
        owner.happened(core::body_sent{child, false});
}

void session::peer::on_lost(io::line&, io::lost why, std::string const& detail) {
    if (first_use && first_use->can_mend(why)) return owner.mend(*this);
    first_use.reset();
    if (!is_mta) return owner.happened(core::child_lost{child, failure_of(why), detail});
    if (why != io::lost::closed) owner.lost_mta(io::describe(why), detail);
    owner.happened(core::mta_lost{detail});
}

void session::lost_mta(std::string_view why, std::string_view detail) {
    if (of_->with.figures) of_->with.figures->mta_lost();
    report_.mta_lost(why, detail, core_.queue_id());
}

// A connection out of the pool was dead, and the child has said nothing on it: a new one in its place.
void session::mend(peer& one) {
    if (std::exchange(one.write_armed, false)) deadlines_.disarm(writing_key(one.child));
    one.first_use->begin(*context_, rules_->children[one.child], one, [this, &one](rescue::outcome got) {
        auto const alive = shared_from_this();
        auto const over = std::move(one.first_use);
        if (!got.line) return happened(core::child_lost{one.child, got.why, got.detail});
        report_.connection_replaced(one.child, core_.queue_id());
        one.line = std::move(got.line);
        flush(one);
    });
}

} // namespace milter::proxy
