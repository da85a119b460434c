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

io::deadlines::key key_of(core::deadline const& which) {
    return static_cast<std::uint32_t>(which.what) << kind_shift | which.child;
}

io::deadlines::key writing_key(core::child_index child) {
    return writing_kind << kind_shift | child;
}

core::microseconds in_microseconds(clock::duration time) {
    return std::chrono::duration_cast<core::microseconds>(time);
}

} // namespace

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

// What core asks for.

void session::perform(core::to_mta const& what) {
    active_ = moment_;
    mta_.line->send(todo_.bytes(what.bytes));
    if (recorder_) recorder_->told(todo_.bytes(what.bytes));
}

void session::perform(core::to_child const& what) {
    auto& child = *children_[what.child];
    if (child.first_use) child.first_use->told(todo_.bytes(what.bytes));
    if (child.line) child.line->send(todo_.bytes(what.bytes));
}

void session::perform(core::connect_child const& what) {
    auto& child = *children_[what.child];
    auto const& rules = rules_->children[what.child];
    if (auto const rest = health_.left_alone(rules, moment_)) {
        child.text = "left alone for another " + std::to_string(rest->count()) + " ms";
        return later_.push_back(core::child_lost{what.child, core::failure::no_connection, child.text});
    }
    if (auto warm = pool_.take(rules, what.offer, child)) {
        health_.connected(rules);
        child.line = std::move(warm->line);
        child.text = std::move(warm->answer);
        child.first_use = std::make_unique<rescue>(what.offer, child.text);
        return later_.push_back(core::child_ready{what.child, {wire::negotiate::code, child.text}});
    }
    child.dialling = true;
    child.line = std::make_shared<io::line>(*context_, child, most_from_child);
    child.line->connect(rules.where);
}

void session::perform(core::close_child const& what) {
    auto& child = *children_[what.child];
    child.first_use.reset();
    if (child.line) child.line->close();
    if (child.write_armed) deadlines_.disarm(writing_key(child.child));
    child.write_armed = child.tell_when_sent = false;
    child.closed_dialling = std::exchange(child.dialling, false);
}

// Follows its close_child.
void session::perform(core::child_failed const& what) {
    if (std::exchange(children_[what.child]->closed_dialling, false))
        health_.failed(rules_->children[what.child], moment_);
    note(what);
    report_(what);
}

void session::perform(core::close_mta const&) {
    mta_.line->close();
}
void session::perform(core::arm const& what) {
    wait_for_answer(what.which, true);
    deadlines_.arm_at(key_of(what.which), moment_ + what.from_now);
}
void session::perform(core::disarm const& what) {
    wait_for_answer(what.which, false);
    deadlines_.disarm(key_of(what.which));
}
void session::perform(core::drop_body const& what) {
    spool_.drop(what.body);
}
void session::perform(core::forget_body const& what) {
    spool_.forget(what.body, what.below);
}

// As long as a child has a deadline for its reply, somebody waits for it.
void session::wait_for_answer(core::deadline const& which, bool waits) {
    if (which.what != core::deadline::kind::reply || !of_->with.figures) return;
    if (std::exchange(children_[which.child]->answer_due, waits) != waits)
        of_->with.figures->waits_for(which.child, waits);
}

void session::perform(core::keep const& what) {
    auto const kept = spool_.append(what.body, what.packet.empty() ? todo_.bytes(what.bytes) : what.packet);
    if (kept) return;
    trouble_ = kept.error();
    not_kept_ = what.body;
    later_.push_back(core::body_not_kept{what.body, trouble_});
}

void session::perform(core::send_body const& what) {
    if (not_kept_ == what.body) return later_.push_back(core::body_sent{what.child, true});
    send_piece(*children_[what.child], wire::body::code, what.body, what.offset, what.size);
}

void session::perform(core::send_body_to_mta const& what) {
    send_piece(mta_, wire::replace_body::code, what.body, what.offset, what.size);
}

void session::perform(core::ask_worker const& what) {
    if (!of_->with.ruby) return later_.push_back(core::answered{what.what->id, {}});
    at_hand more{{}, shelf_};
    if (auto const& piece = what.what->body; piece && not_kept_ != piece->body)
        if (auto const read = spool_.read(piece->body, piece->offset, piece->size, more.chunk); !read)
            report_.odd("the body at hand cannot be given to a condition: " + read.error(), core_.queue_id());
    std::weak_ptr<session> const self = weak_from_this();
    of_->with.ruby->ask({what.what, rules_, std::move(more), self, context_,
                         [self, id = what.what->id](ruby_answer const& all) {
                             if (auto const alive = self.lock()) alive->answered(id, all);
                         }});
}

void session::answered(std::uint32_t id, ruby_answer const& all) {
    for (auto const& one : all.failures) {
        if (!one.late && of_->with.figures) of_->with.figures->block_failed(); // else its question was late
        report_.block_failed(one.child, one.text, core_.queue_id());
        witness_.odd(one.child, "a condition gave no answer: " + one.text);
    }
    for (auto const& key : change(shelf_, all.shelf))
        report_.odd("mail_transaction_shelf[\"" + key + "\"] is not kept: there is room for " +
                        std::to_string(most_on_shelf) + " bytes in all",
                    core_.queue_id());
    happened(core::answered{id, all.answers});
}

// The shelf belongs to the message.
void session::perform(core::message_done const& what) {
    shelf_.clear();
    note(what);
    report_(what);
}

void session::perform(core::session_decided const& what) {
    note(what);
    report_(what);
}

void session::perform(core::session_refused const& what) {
    count(what);
    report_(what);
}

void session::perform(core::look_up const& what) {
    auto const& list = std::get<core::dns_list>(rules_->questions[what.question].of);
    look_ups_[what.id] = lists_.ask(list, what.address, [this, which = what](bool listed) {
        auto const alive = shared_from_this();
        auto const over = look_ups_.extract(which.id);
        core::block_answer const said{
            0, which.question, listed ? core::truth::yes : core::truth::no, false, {}};
        happened(core::answered{which.id, {&said, 1}});
    });
}

void session::perform(core::check_client const& what) {
    if (!checks_)
        checks_ = std::make_unique<client_check>(of_->with.checkers, ends_of(mta_.line->native_handle()),
                                                 report_, context_);
    checks_->ask(*what.what, weak_from_this(), [this, id = what.what->id](bool gone) {
        happened(core::client_checked{id, gone});
    });
}

void session::perform(core::client_gone const& what) {
    report_.client_gone(what, checks_->missed_by());
    statistics_.disconnected(what.after);
}

void session::perform(core::remember const& what) {
    auto& known = of_->known;
    if (known.size() < rules_->children.size()) known.resize(rules_->children.size());
    known[what.child] = core::session::remembered{what.offer, what.agreed};
}

// How many bytes of the piece went without being read: on unix sockets a third of the time, on others more.
std::size_t session::send_from_file(peer& to, core::body_id body, std::uint64_t offset, std::size_t size) {
    if (to.is_mta || rules_->children[to.child].where.family != wire::endpoint::kind::unix_socket) return 0;
    auto const file = spool_.file_of(body, offset, size);
    return file ? to.line->send_file(*file, offset, size) : 0;
}

void session::send_piece(peer& to, char code, core::body_id body, std::uint64_t offset, std::size_t size) {
    if (to.first_use) to.first_use->give_up(); // bodies are not kept a second time
    if (!to.line || !to.line->is_open()) return;
    auto& queue = to.line->queue();
    auto const before = queue.size();
    wire::append_frame_head(queue, code, size);
    bool const is_recorded = to.is_mta && recorder_;
    auto const piece = spool_.held(body, offset, size);
    auto const sent = piece ? 0 : send_from_file(to, body, offset, size);
    if (piece && !is_recorded)
        to.line->send_through(*piece);
    else if (auto const read = spool_.read(body, offset + sent, size - sent, queue); !read) {
        // The packet cannot be completed, so this line cannot go on.
        trouble_ = read.error();
        if (to.is_mta)
            later_.push_back(core::mta_lost{trouble_});
        else
            later_.push_back(core::child_lost{to.child, core::failure::limit, trouble_});
        to.line->discard();
        return;
    }
    if (is_recorded) recorder_->told(std::string_view(queue).substr(before));
    flush(to);
    if (to.line->unsent() > 0)
        to.tell_when_sent = true;
    else if (to.is_mta)
        later_.push_back(core::body_sent_to_mta{});
    else
        later_.push_back(core::body_sent{to.child, false});
}

} // namespace milter::proxy
