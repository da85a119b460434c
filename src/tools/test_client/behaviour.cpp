#include "tools/test_client/behaviour.hpp"

#include <algorithm>

namespace milter::tools::test_client {

filter::body_answer answer_at(settings const& told, char step, std::string_view text) {
    for (auto const& one : told.rules)
        if (one.step == step && text.find(one.pattern) != std::string_view::npos) return one.answer;
    return filter::go_on{};
}

void body_search::take(std::string_view piece) {
    if (found_ || patterns_.empty()) return;
    window_ += piece;
    std::size_t longest = 1;
    for (auto const& one : patterns_) {
        found_ = found_ || window_.find(one) != std::string::npos;
        longest = std::max(longest, one.size());
    }
    if (window_.size() >= longest) window_.erase(0, window_.size() - (longest - 1));
}

void body_search::restart() {
    window_.clear();
    found_ = false;
}

void body_sum::take(std::string_view piece) {
    length += piece.size();
    for (char one : piece)
        fnv1a = (fnv1a ^ static_cast<unsigned char>(one)) * 0x100000001B3;
}

} // namespace milter::tools::test_client
