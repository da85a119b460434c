#include "tools/test_server/difference.hpp"

#include <algorithm>

namespace milter::tools::test_server {

std::vector<changed_header> difference(std::vector<header> const& before, std::vector<header> const& after) {
    // What is the same at both ends needs no table.
    auto const shorter = std::min(before.size(), after.size());
    std::size_t head = 0;
    while (head < shorter && before[head] == after[head])
        ++head;
    std::size_t tail = 0;
    while (tail < shorter - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
        ++tail;
    auto const rows = before.size() - head - tail;
    auto const columns = after.size() - head - tail;

    // common[r][c]: how many fields the rests from r and c on have in common.
    std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1));
    for (std::size_t row = rows; row-- > 0;)
        for (std::size_t column = columns; column-- > 0;)
            common[row][column] = before[head + row] == after[head + column]
                                      ? common[row + 1][column + 1] + 1
                                      : std::max(common[row + 1][column], common[row][column + 1]);

    std::vector<changed_header> all;
    for (std::size_t at = 0; at < head; ++at)
        all.push_back({change::kept, before[at]});
    for (std::size_t row = 0, column = 0; row < rows || column < columns;) {
        if (row < rows && column < columns && before[head + row] == after[head + column]) {
            all.push_back({change::kept, before[head + row++]});
            ++column;
        } else if (row < rows && (column == columns || common[row + 1][column] >= common[row][column + 1])) {
            all.push_back({change::removed, before[head + row++]});
        } else {
            all.push_back({change::added, after[head + column++]});
        }
    }
    for (auto at = before.size() - tail; at < before.size(); ++at)
        all.push_back({change::kept, before[at]});
    return all;
}

} // namespace milter::tools::test_server
