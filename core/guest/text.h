// Text the guest writes for others to read, and the kernel's command line.
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
// N of "seed.vsock=N" on the kernel's command line, the last one; 0: there is none that is a port.
unsigned vsock_port_in(std::string_view command_line);

}  // namespace seed::guest
