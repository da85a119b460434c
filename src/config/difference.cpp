#include "config/difference.hpp"

#include "config/commands.hpp"
#include "config/inspect.hpp"
#include "config/settings.hpp"
#include "config/show.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace milter::config {

namespace {

// All definitions of each name: milters that were defined between two of them keep the first.
struct defined {
    std::string written;
    std::string where;
};
using conditions_by_name = std::map<std::string, defined>;

conditions_by_name conditions_of(snapshot const& what) {
    conditions_by_name all;
    for (auto const& one : what.conditions) {
        auto& mine = all[one.name];
        mine.written += one.written + "\n";
        mine.where = place_of(one.locations, "define_applicable_condition");
    }
    return all;
}

milter const* find(snapshot const& in, std::string const& name) {
    auto const found = std::find_if(in.milters.begin(), in.milters.end(),
                                    [&](auto const& one) { return one.child.name == name; });
    return found == in.milters.end() ? nullptr : &*found;
}

class comparison {
public:
    comparison(snapshot const& before, snapshot const& after) : before_(before), after_(after) {}

    std::vector<change> result() && {
        settings_differ();
        conditions_differ();
        milters_differ();
        return std::move(found_);
    }

private:
    void settings_differ() {
        for (auto const& one : settings()) {
            if (one.field.get(before_) == one.field.get(after_)) continue;
            auto const name = fmt::format("{}.{}", one.section, one.name);
            found_.push_back(
                {name, shown_value(one, after_), place_of(after_.locations, name), one.field.needs_restart});
        }
    }

    void conditions_differ() {
        auto const old = conditions_of(before_);
        auto const now = conditions_of(after_);
        for (auto const& [name, one] : now) {
            auto const same = old.find(name);
            if (same == old.end())
                found_.push_back({"condition " + name, "added", one.where});
            else if (same->second.written != one.written)
                found_.push_back({"condition " + name, "changed", one.where});
        }
        for (auto const& [name, one] : old)
            if (!now.contains(name)) found_.push_back({"condition " + name, "removed", ""});
    }

    void milters_differ() {
        names stayed; // in their new order
        for (auto const& one : after_.milters) {
            if (auto const* old = find(before_, one.child.name)) {
                attributes_differ(*old, one);
                stayed.push_back(one.child.name);
            } else {
                found_.push_back(
                    {"milter " + one.child.name, "added", place_of(one.locations, "define_milter")});
            }
        }
        names in_old_order;
        for (auto const& one : before_.milters) {
            if (find(after_, one.child.name))
                in_old_order.push_back(one.child.name);
            else
                found_.push_back({"milter " + one.child.name, "removed", ""});
        }
        auto const first = std::mismatch(stayed.begin(), stayed.end(), in_old_order.begin()).first;
        if (first == stayed.end()) return;
        auto const& here = *find(after_, *first);
        found_.push_back(
            {"order of milters", inspect(value(stayed)), place_of(here.locations, "define_milter")});
    }

    void attributes_differ(milter const& old, milter const& now) {
        for (auto const& one : milter_settings()) {
            if (one.field.get(old) == one.field.get(now)) continue;
            found_.push_back({fmt::format("milter.{} of {}", one.name, now.child.name), shown_value(one, now),
                              place_of(now.locations, one.name),
                              one.field.needs_restart && !is_left_to_service_manager(now, after_)});
        }
    }

    snapshot const& before_;
    snapshot const& after_;
    std::vector<change> found_;
};

} // namespace

std::vector<change> difference(snapshot const& before, snapshot const& after) {
    return comparison(before, after).result();
}

void keep_what_needs_restart(snapshot& fresh, snapshot const& running) {
    fresh.fixed = running.fixed;
    for (auto& one : fresh.milters) {
        auto const* const old = find(running, one.child.name);
        if (!old) continue;
        for (auto const& attribute : milter_settings())
            if (attribute.field.needs_restart) attribute.field.set(one, attribute.field.get(*old));
    }
}

} // namespace milter::config
