// Giving up capabilities for good, in the calling process.
#pragma once
#include <cstdint>
#include <initializer_list>

namespace seed::net {

// Keeps `effective` as effective and permitted set and `bounding` beside it for what it executes.  With nothing in `bounding`:
// no_new_privs as well.
void keep_capabilities(std::initializer_list<int> effective, std::initializer_list<int> bounding);

}  // namespace seed::net
