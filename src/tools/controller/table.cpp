#include "tools/controller/table.hpp"

#include <algorithm>
#include <utility>

namespace milter::tools::controller {

namespace {

// Letters, not bytes (UTF-8).
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

} // namespace

table::table(std::vector<std::string> names) {
    for (auto& one : names) {
        right_.push_back(one.starts_with('>'));
        if (right_.back()) one.erase(0, 1);
    }
    rows_.push_back(std::move(names));
}

void table::add(std::vector<std::string> cells) {
    cells.resize(right_.size());
    rows_.push_back(std::move(cells));
}

std::string table::text() const {
    std::vector<std::size_t> widths(right_.size());
    for (auto const& row : rows_)
        for (std::size_t n = 0; n < row.size(); ++n)
            widths[n] = std::max(widths[n], width(row[n]));
    std::string all;
    for (auto const& row : rows_) {
        std::string line;
        for (std::size_t n = 0; n < row.size(); ++n) {
            std::string const room(widths[n] - width(row[n]), ' ');
            line += right_[n] ? room + row[n] : row[n] + room;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        all += line + "\n";
    }
    return all;
}

} // namespace milter::tools::controller
