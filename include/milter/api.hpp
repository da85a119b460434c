// What every public header needs: the mark of a symbol that the shared library exports. Everything public is
// in milter::v3, an inline namespace: write milter::NAME; a library with another number is another ABI.
#pragma once

#define MILTERXX_API __attribute__((visibility("default")))
