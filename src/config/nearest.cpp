#include "config/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace milter::config {

namespace {

std::size_t distance(std::string_view a, std::string_view b) {
    a = a.substr(0, 100); // longer names are not worth the time
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            std::size_t const changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string_view nearest(std::string_view unknown, std::span<std::string_view const> names) {
    return *std::min_element(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
        return distance(unknown, a) < distance(unknown, b);
    });
}

} // namespace milter::config
