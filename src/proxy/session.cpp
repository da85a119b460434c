#include "proxy/session.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

namespace milter::proxy {

namespace {

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

core::microseconds now() {
    return std::chrono::duration_cast<core::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
}

} // namespace

session::session(std::shared_ptr<generation> of, observe::log& log, std::uint64_t number,
                 surroundings const& around, on_finished finished)
    : context_(around.context), pool_(around.ready), health_(around.of_children), lists_(around.lists),
      of_(std::move(of)), rules_(of_->with.rules), core_(*rules_, &of_->known), report_(log, *rules_, number),
      spool_(of_->with.body_memory, of_->with.spool_directory),
      deadlines_(*context_, [this](io::deadlines::key which) { deadline(which); }),
      mta_(*this, true, the_mta), finished_(std::move(finished)) {
    for (core::child_index i = 0; i < rules_->children.size(); ++i)
        children_.push_back(std::make_unique<peer>(*this, false, i));
}

session::~session() {
    deadlines_.stop();
    if (mta_.line) mta_.line->close();
    for (auto const& child : children_)
        if (child->line) child->line->close();
}

void session::start(io::stream_socket mta, core::mta_connected const& begun) {
    mta_.line = std::make_shared<io::line>(*context_, mta_, most_from_mta);
    mta_.line->attach(std::move(mta));
    happened(begun);
}

void session::stop() {
    happened(core::stop_now{});
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
    core_.handle(what, now(), todo_);
    perform_all();
    while (!later_.empty()) {
        auto const next = later_.front();
        later_.pop_front();
        core_.handle(next, now(), todo_);
        perform_all();
    }
    if (core_.finished()) finish();
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
    if (kind != writing_kind)
        return happened(core::deadline_passed{{static_cast<core::deadline::kind>(kind), child}});
    if (child == the_mta) {
        report_.mta_lost("it does not read", "");
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
    if (is_mta)
        owner.handle(core::from_mta{packet});
    else
        owner.handle(core::from_child{child, packet});
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
    if (why != io::lost::closed) owner.report_.mta_lost(io::describe(why), detail);
    owner.happened(core::mta_lost{detail});
}

// A connection out of the pool was dead, and the child has said nothing on it: a new one in its place.
void session::mend(peer& one) {
    if (std::exchange(one.write_armed, false)) deadlines_.disarm(writing_key(one.child));
    one.first_use->begin(*context_, rules_->children[one.child], one, [this, &one](rescue::outcome got) {
        auto const alive = shared_from_this();
        auto const over = std::move(one.first_use);
        if (!got.line) return happened(core::child_lost{one.child, got.why, got.detail});
        report_.connection_replaced(one.child);
        one.line = std::move(got.line);
        flush(one);
    });
}

// What core asks for.

void session::perform(core::to_mta const& what) {
    mta_.line->send(todo_.bytes(what.bytes));
}

void session::perform(core::to_child const& what) {
    auto& child = *children_[what.child];
    if (child.first_use) child.first_use->told(todo_.bytes(what.bytes));
    if (child.line) child.line->send(todo_.bytes(what.bytes));
}

void session::perform(core::connect_child const& what) {
    auto& child = *children_[what.child];
    auto const& rules = rules_->children[what.child];
    if (auto const rest = health_.left_alone(rules, std::chrono::steady_clock::now())) {
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
        health_.failed(rules_->children[what.child], std::chrono::steady_clock::now());
    report_(what);
}

void session::perform(core::close_mta const&) {
    mta_.line->close();
}
void session::perform(core::arm const& what) {
    deadlines_.arm(key_of(what.which), what.from_now);
}
void session::perform(core::disarm const& what) {
    deadlines_.disarm(key_of(what.which));
}
void session::perform(core::drop_body const& what) {
    spool_.drop(what.body);
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
            report_.odd("the body at hand cannot be given to a condition: " + read.error());
    std::weak_ptr<session> const self = weak_from_this();
    of_->with.ruby->ask({what.what, rules_, std::move(more), self, context_,
                         [self, id = what.what->id](ruby_answer const& all) {
                             if (auto const alive = self.lock()) alive->answered(id, all);
                         }});
}

void session::answered(std::uint32_t id, ruby_answer const& all) {
    for (auto const& one : all.failures)
        report_.block_failed(one.child, one.text);
    for (auto const& key : change(shelf_, all.shelf))
        report_.odd("mail_transaction_shelf[\"" + key + "\"] is not kept: there is room for " +
                    std::to_string(most_on_shelf) + " bytes in all");
    happened(core::answered{id, all.answers});
}

// The shelf belongs to the message.
void session::perform(core::message_done const& what) {
    shelf_.clear();
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

void session::perform(core::remember const& what) {
    auto& known = of_->known;
    if (known.size() < rules_->children.size()) known.resize(rules_->children.size());
    known[what.child] = core::session::remembered{what.offer, what.agreed};
}

void session::send_piece(peer& to, char code, core::body_id body, std::uint64_t offset, std::size_t size) {
    if (to.first_use) to.first_use->give_up(); // bodies are not kept a second time
    if (!to.line || !to.line->is_open()) return;
    auto& queue = to.line->queue();
    wire::append_frame_head(queue, code, size);
    if (auto const read = spool_.read(body, offset, size, queue); !read) {
        // The packet cannot be completed, so this line cannot go on.
        trouble_ = read.error();
        if (to.is_mta)
            later_.push_back(core::mta_lost{trouble_});
        else
            later_.push_back(core::child_lost{to.child, core::failure::limit, trouble_});
        to.line->discard();
        return;
    }
    flush(to);
    if (to.line->unsent() > 0)
        to.tell_when_sent = true;
    else if (to.is_mta)
        later_.push_back(core::body_sent_to_mta{});
    else
        later_.push_back(core::body_sent{to.child, false});
}

} // namespace milter::proxy
