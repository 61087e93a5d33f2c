// A recording (`seed plugin trace --bodies --json`, core/providers/trace.h) played against a plugin.
//
// The calls are made again in the order in which they ended, on one instance, with the request ids they had.  Compared are the code and,
// of what succeeded, the reply or the items: without regard to the order of arrays, without members that tell time ("..._ms"), remarks,
// and what the author names.  Not compared are codes that tell of circumstances: unavailable, timeout, cancelled, limit.
// Left out is what cannot be made again: conversations, calls that were given descriptors, secrets that nobody fills in.
#pragma once
#include "core/conformance/check.h"

namespace seed::conformance {

// `how`: {"prepare": [[slot, request]..], "ignore": [member..], "secrets": {member: value}}, each optional.
// Throws Failure(invalid) naming the line when `file` is no recording.
Check replay_check(const std::string &file, const json &how);

}  // namespace seed::conformance
