// For tests of milters: an MTA that talks to a handler in the same process, through the whole protocol but
// without a socket or a second process. Never waits but for answers that are `later`.
#pragma once

#include <milter/handler.hpp>
#include <milter/mta.hpp>

namespace milter {
inline namespace v3 {

// make: called for each session. What a `deferred` does is carried out inside the step's call of the mta.
MILTERXX_API mta drive(maker make, mta_options options = {});

template <class Handler>
mta drive(mta_options options = {}) {
    return drive([] { return std::make_unique<Handler>(); }, options);
}

} // namespace v3
} // namespace milter
