#include <seed/util/failure.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace seed {
namespace {
constexpr std::array<std::string_view, 11> names = {"ok",          "invalid", "not_found", "conflict",    "denied",  "limit",
                                                    "unavailable", "timeout", "cancelled", "unsupported", "internal"};
}

std::string_view to_string(Code code) {
    auto index = static_cast<size_t>(code);
    return index < names.size() ? names[index] : "internal";
}

Code code_from_string(std::string_view s) {
    for (size_t n = 0; n < names.size(); ++n)
        if (names[n] == s) return static_cast<Code>(n);
    return Code::internal;
}

Code code_from_int(int32_t value) {
    return value >= 0 && value < static_cast<int32_t>(names.size()) ? static_cast<Code>(value) : Code::internal;
}

Failure Failure::within(std::string_view context) const {
    return Failure(code_, std::string(context) + ": " + what(), retry_after_ms_);
}

void fail_errno(std::string_view what, int error) {
    Code code = Code::internal;
    switch (error) {
        case ENOENT:
            code = Code::not_found;
            break;
        case EACCES:
        case EPERM:
            code = Code::denied;
            break;
        case ENOSPC:
        case EDQUOT:
            code = Code::limit;
            break;
    }
    throw Failure(code, std::string(what) + ": " + strerror(error));
}

void fail_errno(std::string_view what) {
    fail_errno(what, errno);
}

}  // namespace seed
