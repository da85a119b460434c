// control: requests of the control socket are the same however the bytes are cut; nothing more comes after
// what ends a conversation; what is refused in lines has an answer, and answers are whole. Input: what a
// client sends, with | for NUL; its first byte says where it is cut.
#include "fuzz.hpp"

#include "daemon/control/protocol.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace milter;
using namespace milter::daemon;
using fuzz::check;

namespace {

struct heard {
    std::vector<std::string> requests;
    bool over = false;
};

std::string text_of(control::dialect speaks, control::request const& one) {
    control::answer what;
    what.more["text"] = one.argument;
    auto const answer = control::encode(speaks, one, what);
    check(!answer.empty(), "every request has an answer");
    if (speaks == control::dialect::json)
        check(answer.find('\n') == answer.size() - 1, "an answer is one line");
    else
        check(answer.size() >= 5 && answer.front() == '\0', "an answer is a packet");
    return std::string(control::name_of(one.what)) + ":" + one.argument + ":" + answer;
}

void listen(control::request_reader& reader, heard& to) {
    while (auto const one = reader.next()) {
        check(!to.over, "nothing comes after the end");
        check(reader.speaks() != control::dialect::unknown, "a request is in a dialect");
        if (*one) {
            to.requests.push_back(text_of(reader.speaks(), **one));
            continue;
        }
        auto const& wrong = one->error();
        to.over = wrong.closes;
        auto const answer = control::encode(reader.speaks(), wrong);
        check(answer.empty() || answer.ends_with('\n'), "a mistake in a line is told in a line");
        check(!answer.empty() || wrong.closes, "what goes on has been answered");
        to.requests.push_back(wrong.what + (wrong.closes ? "|" : ""));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    auto const bytes = fuzz::with_nuls(data + 1, size - 1);
    auto const cut = std::min<std::size_t>(data[0], bytes.size());
    control::request_reader whole;
    heard at_once;
    whole.add(bytes);
    listen(whole, at_once);
    control::request_reader pieces;
    heard in_two;
    pieces.add(bytes.substr(0, cut));
    listen(pieces, in_two);
    pieces.add(bytes.substr(cut));
    listen(pieces, in_two);
    check(at_once.requests == in_two.requests && at_once.over == in_two.over, "cuts change nothing");
    return 0;
}
