// A cage for programs that read bytes from strangers: free uid, no capabilities, closed descriptors, rlimits,
// Landlock for files (and TCP ports where the kernel has it), seccomp.  See docs/threat-model.md.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seed {

struct Cage {
    std::optional<uid_t> uid;  // also the gid; ignored when we are not root
    bool drop_capabilities = true;
    std::vector<std::filesystem::path> read;             // folders and files it may read and execute; must exist
    std::vector<std::filesystem::path> write;            // folders and files it may change, not execute; must exist
    bool landlock = true;                                // false: files are not restricted (only uid)
    std::optional<std::vector<uint16_t>> connect_ports;  // TCP ports it may connect to; none set: any; empty: no TCP at all
    bool network = true;                                 // false: no AF_INET/AF_INET6 sockets at all (seccomp)
    bool seccomp = true;         // the allow-list of util/seccomp.cpp: no namespaces, no ptrace, no raw sockets, no mount
    uint64_t memory_bytes = 0;   // RLIMIT_AS; 0: unlimited
    uint64_t file_bytes = 0;     // RLIMIT_FSIZE; 0: unlimited
    uint64_t cpu_seconds = 0;    // RLIMIT_CPU; 0: unlimited
    uint64_t processes = 0;      // RLIMIT_NPROC (counts per uid); 0: unlimited
    uint64_t open_files = 1024;  // RLIMIT_NOFILE; never raised above the hard limit
};

// Put the calling thread's process into the cage.  Async-signal-safe enough for use between fork and exec in a
// single-threaded child; throws Failure.  /usr, /etc/ld.so.cache, /dev/null, /dev/urandom are always readable, and the program
// itself when SpawnOptions::cage is used.  Where the kernel lacks Landlock the rest of the cage still holds: ask landlock_abi()
// at start and say so in the log.
void enter_cage(const Cage &cage);
int landlock_abi();  // 0: not available

// The uid ranges of Seed, all without accounts.  Host root may use any; checked against /etc/passwd and /etc/subuid at start.
namespace uids {
inline constexpr uid_t nix_base = 600000;     // 65536 ids, mapped to 0.. inside a Nix box
inline constexpr uid_t silo = 665600;         // git-silo and the git processes it starts
inline constexpr uid_t plugin_base = 665700;  // + index of the provider
inline constexpr uid_t http = 665900;
inline constexpr uid_t edge = 665901;
inline constexpr uid_t pdns = 665902;
inline constexpr uid_t fetch = 665903;         // seed-fetch-proxy
inline constexpr uid_t session_base = 666000;  // + 0..999, one per SSH connection
inline constexpr uid_t vm_base = 670000;       // + 0..9999, one per virtual machine

// As whom the providers of a kind ("dns", "storage" ...) run.  nixos/host/credentials.nix knows it too; tests/nix/host.py compares.
constexpr uid_t of_provider(std::string_view kind) {
    if (kind == "git") return silo;
    if (kind == "dns") return pdns;
    return plugin_base + (kind == "storage" ? 1 : 2);
}
}  // namespace uids

}  // namespace seed
