// All of the library for writing milters but its tests: derive from milter::handler, call milter::serve().
// Never includes the side of the MTA (milter/mta.hpp, milter/testing.hpp).
#pragma once

#include <milter/answer.hpp>
#include <milter/handler.hpp>
#include <milter/serve.hpp>
#include <milter/version.hpp>
