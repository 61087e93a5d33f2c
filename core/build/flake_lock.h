// flake.lock, read by our own code before Nix sees it: Nix would fetch whatever it names, `path:/etc` included.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace seed::build {

// Throws Failure(invalid) that names the first input not covered by `allowed` (see BuilderSettings::allowed_inputs), or says
// what is malformed.  No lock file: nothing to check, evaluation then refuses inputs.
void check_flake_lock(const std::optional<std::string> &text, const std::vector<std::string> &allowed);

}  // namespace seed::build
