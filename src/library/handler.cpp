#include <milter/handler.hpp>

#include "filter/edits.hpp"
#include "library/session_link.hpp"

namespace milter {
inline namespace v3 {

namespace {

milter::filter::edits& all_of(void* one) {
    return *static_cast<milter::filter::edits*>(one);
}

} // namespace

handler::~handler() = default;

negotiate_answer handler::on_negotiate(agreement const&) {
    return wish{};
}
connect_answer handler::on_connect(client const&) {
    return go_on{};
}
connect_answer handler::on_helo(std::string_view) {
    return go_on{};
}
answer handler::on_mail(std::string_view, arguments) {
    return go_on{};
}
answer handler::on_rcpt(std::string_view, arguments) {
    return go_on{};
}
answer handler::on_data() {
    return go_on{};
}
unknown_answer handler::on_unknown(std::string_view) {
    return go_on{};
}
answer handler::on_header(std::string_view, std::string_view) {
    return go_on{};
}
answer handler::on_end_of_headers() {
    return go_on{};
}
body_answer handler::on_body(std::string_view) {
    return go_on{};
}
answer handler::on_end_of_message(edits&) {
    return go_on{};
}
void handler::on_abort() {}
void handler::on_error(std::string_view) {}
void handler::on_quit() {}

std::optional<std::string_view> handler::macro(std::string_view name) const {
    if (!link_) return std::nullopt;
    return link_->macro(name);
}

agreement handler::agreed() const {
    return link_ ? link_->agreed() : agreement{};
}

deferred handler::defer() {
    return link_->defer();
}

bool edits::add_header(std::string_view name, std::string_view value) {
    return all_of(all_).add_header(name, value);
}
bool edits::insert_header(std::uint32_t index, std::string_view name, std::string_view value) {
    return all_of(all_).insert_header(index, name, value);
}
bool edits::change_header(std::uint32_t index, std::string_view name, std::string_view value) {
    return all_of(all_).change_header(index, name, value);
}
bool edits::delete_header(std::uint32_t index, std::string_view name) {
    return all_of(all_).delete_header(index, name);
}
bool edits::replace_body(std::string_view bytes) {
    return all_of(all_).replace_body(bytes);
}
bool edits::add_recipient(std::string_view address, std::optional<std::string_view> parameters) {
    return all_of(all_).add_recipient(address, parameters);
}
bool edits::delete_recipient(std::string_view address) {
    return all_of(all_).delete_recipient(address);
}
bool edits::change_sender(std::string_view address, std::optional<std::string_view> parameters) {
    return all_of(all_).change_sender(address, parameters);
}
bool edits::quarantine(std::string_view reason) {
    return all_of(all_).quarantine(reason);
}
void edits::progress() {
    all_of(all_).progress();
}

} // namespace v3
} // namespace milter
