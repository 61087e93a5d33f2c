// The control group of one plugin host: what the host and everything it starts may have together, beside the limits that each process
// has by itself (its cage).
//
// Ends with the host and ends all that is left in it, also what left the host's process group.  A provider that says
// "lasting_programs" in its schema (a DNS server that goes on answering while its provider is started again) has one group for all of its
// hosts; nothing in it is killed, and it is removed with its last process.  Privileged hosts have none: they could leave it.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <seed/util/cgroup.h>

#include "core/providers/grants.h"

namespace seed::providers {

// Processes and threads of a host that does not ask for a number; it has up to 512 threads of its own.
inline constexpr uint64_t usual_processes = 1024;
// Memory of a host that does not ask for an amount: half of the machine's, at most 8 GiB.
uint64_t usual_memory();

class HostGroup {
public:
    HostGroup() = default;   // limits nothing
    // Where there are no control groups it limits nothing either: see Cgroup::unavailable_reason().  A group that cannot be made is told in
    // the log.
    HostGroup(const std::string &platform, const std::string &plugin, const Grants &grants);

    const std::vector<std::filesystem::path> &folders() const { return group_.folders(); }   // for SpawnOptions::cgroups
    // Which limits were met since the last time somebody asked, as a sentence with the numbers; empty: none.
    std::string limits_met();
    void end();   // the host is gone, or must go; twice is once

    // After a crash of the core: groups of hosts that are no more, with what is left in them.
    static void sweep(const std::string &platform);

private:
    Cgroup group_;
    Cgroup::Troubles known_;
    bool lasting_ = false;
    uint64_t memory_ = 0, processes_ = 0;
};

}  // namespace seed::providers
