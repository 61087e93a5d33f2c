// The one error of Seed: what to do next (a code of abi.h), a sentence, context added on the way up.
//
// Thrown inside a program; turned into seed_code + text at a plugin boundary, into {"code","text"} in a
// frame, and into one line on stderr in main.  Messages name the thing, the reason and the remedy.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace seed {

enum class Code : int32_t {
    ok = 0,
    invalid = 1,
    not_found = 2,
    conflict = 3,
    denied = 4,
    limit = 5,
    unavailable = 6,
    timeout = 7,
    cancelled = 8,
    unsupported = 9,
    internal = 10,
};

std::string_view to_string(Code code);      // "not_found"
Code code_from_string(std::string_view s);  // unknown names are Code::internal
Code code_from_int(int32_t value);          // unknown numbers are Code::internal

class Failure : public std::runtime_error {
public:
    Failure(Code code, const std::string &text, int64_t retry_after_ms = 0)
        : std::runtime_error(text), code_(code), retry_after_ms_(retry_after_ms) {}

    Code code() const { return code_; }
    int64_t retry_after_ms() const { return retry_after_ms_; }  // 0: no opinion
    // The same failure seen from further up: "while applying example.org: <text>".
    Failure within(std::string_view context) const;

private:
    Code code_;
    int64_t retry_after_ms_;
};

// "<what>: <strerror(error)>"; ENOENT becomes not_found, EACCES/EPERM denied, ENOSPC/EDQUOT limit, the rest internal.
[[noreturn]] void fail_errno(std::string_view what, int error);
[[noreturn]] void fail_errno(std::string_view what);  // takes errno

}  // namespace seed
