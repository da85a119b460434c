#include "config/value.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace milter::config {

namespace {

constexpr std::array fallbacks{
    std::pair{core::fallback::accept, std::string_view("accept")},
    std::pair{core::fallback::reject, std::string_view("reject")},
    std::pair{core::fallback::temp_fail, std::string_view("temporary-failure")},
    std::pair{core::fallback::discard, std::string_view("discard")},
    std::pair{core::fallback::shutdown, std::string_view("shutdown")},
    std::pair{core::fallback::quarantine, std::string_view("quarantine")},
};

constexpr std::array mtas{
    std::pair{core::mta_kind::automatic, std::string_view("auto")},
    std::pair{core::mta_kind::postfix, std::string_view("postfix")},
    std::pair{core::mta_kind::sendmail, std::string_view("sendmail")},
    std::pair{core::mta_kind::generic, std::string_view("generic")},
};

template <class Table, class Key>
auto const& row(Table const& table, Key Table::value_type::*column, Key const& key) {
    return *std::find_if(table.begin(), table.end(), [&](auto const& one) { return one.*column == key; });
}

} // namespace

std::string_view word(core::fallback what) {
    return row(fallbacks, &decltype(fallbacks)::value_type::first, what).second;
}

std::string_view word(core::mta_kind what) {
    return row(mtas, &decltype(mtas)::value_type::first, what).second;
}

core::fallback fallback_of(std::string_view word) {
    return row(fallbacks, &decltype(fallbacks)::value_type::second, word).first;
}

core::mta_kind mta_of(std::string_view word) {
    return row(mtas, &decltype(mtas)::value_type::second, word).first;
}

} // namespace milter::config
