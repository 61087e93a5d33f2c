// Text the guest writes for others to read.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace seed::guest {

// The content of /run/seed/env: NAME="value" lines that systemd's EnvironmentFile= and a shell's "." both read back exactly.
std::string environment_file(const std::vector<std::pair<std::string, std::string>> &environment);
// A JSON string with its quotes; bytes outside printable ASCII become '?', at most `limit` bytes of `text` are kept.
std::string json_string(std::string_view text, size_t limit = 1024);

}  // namespace seed::guest
