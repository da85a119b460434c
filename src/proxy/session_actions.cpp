// What core asks for.
#include "proxy/session.hpp"

#include <utility>

namespace milter::proxy {

void session::perform(core::to_mta const& what) {
    active_ = moment_;
    if (report_.traces()) report_.sent({}, todo_.bytes(what.bytes), core_.queue_id());
    mta_.line->send(todo_.bytes(what.bytes));
    if (recorder_) recorder_->told(todo_.bytes(what.bytes));
}

void session::perform(core::to_child const& what) {
    auto& child = *children_[what.child];
    if (report_.traces()) report_.sent(what.child, todo_.bytes(what.bytes), core_.queue_id());
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
    if (report_.traces()) report_.sent_piece(to.as_child(), size, core_.queue_id());
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
