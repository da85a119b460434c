#include "wire/leading_space.hpp"

namespace milter::wire {

namespace {

template <class... Fields, class Packet>
Packet without(Packet what) {
    auto const strip = [](auto* const field) {
        if (field && field->value.starts_with(' ')) field->value.remove_prefix(1);
    };
    (strip(std::get_if<Fields>(&what)), ...);
    return what;
}

} // namespace

command without_leading_space(command what) {
    return without<header>(what);
}

reply without_leading_space(reply what) {
    return without<add_header, insert_header, change_header>(what);
}

} // namespace milter::wire
