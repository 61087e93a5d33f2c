// A stream that is counted while it passes, so that one larger than agreed never reaches the disk in full.
#pragma once
#include <cstdint>
#include <string>

namespace seed::box {

// A tar archive, until the end of `in`.  False: the reader of `out` stopped, its own message says why.  Throws Failure(limit), "WHAT is
// larger than ...", beyond `limit` bytes; Failure(unavailable) when the archive was cut off, which tar does not notice between two files.
bool relay_archive(int in, int out, uint64_t limit, const std::string &what);

}  // namespace seed::box
