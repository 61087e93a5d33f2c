// The platform's processes and their memory, read from /proc.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace seed::events {

struct ProcessUse {
    uint64_t count = 0, resident_bytes = 0;
};
// Our descendants, and what was started for `state_directory` and lives on its own (seed-vm, seed-net) with its descendants.
// By program; names that are not the platform's own are "other": tenants choose what a build is called.
std::map<std::string, ProcessUse> platform_processes(const std::string &state_directory);

}  // namespace seed::events
