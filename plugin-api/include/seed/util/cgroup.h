// Limits for a group of processes, on cgroup v2 (delegated) and on hybrid v1 hosts.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace seed {

struct CgroupLimits {
    uint64_t memory_bytes = 0;   // 0: none; swap is refused
    uint64_t processes = 0;      // pids.max; 0: none
    uint32_t cpu_percent = 0;    // of one CPU; 0: none
};

// One group below "seed-<owner>/" in every hierarchy we may write to.  In the unified tree that is
// below the group that SEED_CONTROL_GROUP names (its path as in /proc/PID/cgroup), else our own when it was delegated, else, for root,
// the root of the tree; read once per process.
class Cgroup {
public:
    // `owner` tells two platforms on one machine apart.  `available()` false: limits cannot be had here.
    static bool available();
    static std::string unavailable_reason();
    Cgroup() = default;
    static Cgroup make(const std::string &owner, const std::string &name, const CgroupLimits &limits);  // or adopts the existing one
    static Cgroup named(const std::string &owner, const std::string &name);  // makes nothing; it may not exist, or go at any time
    static std::vector<std::string> list(const std::string &owner);
    static void remove_owner(const std::string &owner);   // kills and removes everything of that owner

    const std::vector<std::filesystem::path> &folders() const { return folders_; }  // for SpawnOptions::cgroups
    bool killed_for_memory() const;   // the OOM killer was here
    // How often a limit was met since the group was made; an adopted group has what its members did before.
    struct Troubles {
        uint64_t memory_kills = 0;        // processes that the OOM killer ended
        uint64_t refused_processes = 0;   // forks that failed
    };
    Troubles troubles() const;
    void kill();                      // SIGKILL to all members; returns when it is empty or after 5 s
    void remove();                    // kill + rmdir; of nothing succeeds
    bool remove_if_empty();           // false, and nothing happens, while a process is in it
    explicit operator bool() const { return !folders_.empty(); }

private:
    std::vector<std::filesystem::path> folders_;
};

}  // namespace seed
