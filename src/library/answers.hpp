// Public answers as those of the inner library. Only names change; the two sets are the same. Never decides
// anything.
#pragma once

#include "filter/answer.hpp"

#include <milter/answer.hpp>

#include <type_traits>
#include <variant>

namespace milter::library {

template <class Inner>
struct to_inner {
    Inner operator()(milter::go_on) const { return filter::go_on{}; }
    Inner operator()(milter::reject) const { return filter::reject{}; }
    Inner operator()(milter::temp_fail) const { return filter::temp_fail{}; }
    Inner operator()(milter::later) const { return filter::later{}; }
    Inner operator()(milter::smtp_reply const& one) const {
        return wire::smtp_reply::parse(one.text())
            .value_or(wire::smtp_reply::make(451, "", "try again later"));
    }
    Inner operator()(milter::accept) const { return only<filter::accept>(); }
    Inner operator()(milter::discard) const { return only<filter::discard>(); }
    Inner operator()(milter::skip) const { return only<filter::skip>(); }

    // The public type of a step has the same answers: the other branch is never taken.
    template <class One>
    static Inner only() {
        if constexpr (std::is_constructible_v<Inner, One>)
            return One{};
        else
            return filter::go_on{};
    }
};

template <class Inner, class Public>
Inner inner(Public const& decided) {
    return std::visit(to_inner<Inner>{}, decided);
}

} // namespace milter::library
