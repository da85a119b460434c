// The names of actions and steps: names(set) always reads back as the set, and a name that is found is the
// name of what was found. Input: a list of names as names() prints it; its first bytes also as raw bits.
#include "fuzz.hpp"

#include "wire/options.hpp"

#include <charconv>

using namespace milter;
using fuzz::check;

namespace {

// The sum of the names (and hexadecimal rests) that are understood.
template <class Set, class ByName>
Set sum_of(std::string_view list, ByName by_name, bool& all_known) {
    Set sum;
    all_known = true;
    while (!list.empty()) {
        auto const end = list.find('|');
        auto const word = list.substr(0, end);
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
        if (auto const one = by_name(word)) {
            check(wire::names(Set(*one)) == word, "what is found has the name");
            sum |= *one;
            continue;
        }
        std::uint32_t rest = 0;
        auto const hex = word.starts_with("0x") ? word.substr(2) : std::string_view();
        auto const [stop, ec] = std::from_chars(hex.data(), hex.data() + hex.size(), rest, 16);
        bool const number = !hex.empty() && ec == std::errc() && stop == hex.data() + hex.size();
        if (number) sum |= Set(rest);
        all_known = all_known && number;
    }
    return sum;
}

template <class Set, class ByName>
void check_list(std::string_view list, ByName by_name) {
    bool known = false;
    auto const sum = sum_of<Set>(list, by_name, known);
    auto const again = sum_of<Set>(wire::names(sum), by_name, known);
    check(known, "names() prints nothing that is unknown");
    check(again == sum, "names() reads back as the set");
    check(wire::names(sum).empty() == sum.empty(), "only no bits have no names");
}

template <class Set, class ByName>
void check_bits(std::uint32_t bits, ByName by_name) {
    bool known = false;
    check(sum_of<Set>(wire::names(Set(bits)), by_name, known) == Set(bits) && known, "no bit is lost");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const text = fuzz::as_text(data, size);
    check_list<wire::actions>(text, wire::action_by_name);
    check_list<wire::steps>(text, wire::step_by_name);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < size && i < 4; ++i)
        bits = bits << 8 | data[i];
    check_bits<wire::actions>(bits, wire::action_by_name);
    check_bits<wire::steps>(bits, wire::step_by_name);
    auto const steps = wire::steps_of_version(bits);
    check(wire::all_steps.has_all(steps), "no version has more steps than the newest");
    check(bits == 0 || steps.has_all(wire::steps_of_version(bits - 1)),
          "a version has its predecessor's steps");
    return 0;
}
