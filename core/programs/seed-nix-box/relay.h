// A stream that is counted while it passes, so that one larger than agreed never reaches the disk in full.
#pragma once
#include <cstdint>
#include <string>

namespace seed::box {

// Until the end of `in`.  False: the reader of `out` stopped, its own message says why.  Throws Failure(limit), "WHAT is larger
// than ...", beyond `limit` bytes.
bool relay(int in, int out, uint64_t limit, const std::string &what);

}  // namespace seed::box
