// JSON that a stranger wrote: parsed only when its nesting is shallow, since much code walks values recursively.
#pragma once
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace seed::build {

// Throws Failure(invalid) with `what` and the reason.
nlohmann::json parse_bounded(std::string_view text, const std::string &what);

}  // namespace seed::build
