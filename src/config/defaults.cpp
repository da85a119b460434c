#include "config/defaults.hpp"

#include "config/inspect.hpp"
#include "config/settings.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

namespace milter::config {

namespace {

namespace json = boost::json;

json::value to_json(value const& what) {
    struct {
        json::value operator()(std::monostate) const { return nullptr; }
        json::value operator()(bool flag) const { return flag; }
        json::value operator()(std::int64_t integer) const { return integer; }
        json::value operator()(milliseconds time) const { return static_cast<double>(time.count()) / 1000; }
        json::value operator()(std::string const& text) const { return json::string(text); }
        json::value operator()(written_endpoint const& where) const { return json::string(where.written); }
        json::value operator()(macro_lists const& lists) const {
            json::object object;
            for (auto const& [stage, names] : lists) {
                object[stage_name(stage)] = json::array(names.begin(), names.end());
            }
            return object;
        }
        json::value operator()(names const& list) const { return json::array(list.begin(), list.end()); }
    } as_json;
    return std::visit(as_json, what);
}

template <class Owner>
void add(json::object& all, std::span<setting<Owner> const> table) {
    Owner const untouched;
    for (auto const& one : table) {
        auto& section = all[one.section];
        if (!section.is_object()) section.emplace_object();
        section.as_object()[one.name] = to_json(one.field.get(untouched));
    }
}

} // namespace

json::object defaults() {
    json::object all;
    add(all, settings());
    add(all, milter_settings());
    return all;
}

} // namespace milter::config
