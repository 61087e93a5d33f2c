// What a runtime plugin and its seed-vm processes agree on: one directory per boot.
//
//   DIR/spec.json     VmSpec, written by the plugin before seed-vm starts           (root's)
//   DIR/lock          flock held by seed-vm as long as it lives; inherited from the plugin as descriptor 3
//                     (descriptor 4 is a pipe that seed-vm closes when it has written DIR/qemu: its tap is there, the hypervisor runs)
//   DIR/pid           ProcessIdentity of seed-vm                                    (root's)
//   DIR/qemu          ProcessIdentity of the hypervisor, whichever it is            (root's)
//   DIR/run/          belongs to the uid of this virtual machine: nothing in it may be believed blindly
//     state.json      VmState, replaced at every change
//     log.0, log.1    what the guest wrote: lines "UNIX_MS TEXT"; log.0 is the newer file, each at most 1 MiB
//     vm.sock         frames: {"op":"stop","args":{"grace_ms":n}} and {"op":"status"}
//
// Only spec.json is made durable: no process that the other files tell of lives through a power failure.
//
// docs/guest-contract.md has the lines between seed-vm and seed-guest.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <seed/runtime.hpp>

namespace seed::vm {

struct VmSpec {
    runtime::StartRequest boot;
    std::string address6, address4;
    uint32_t tenant = 0;
    uint32_t slot = 0;
    std::string tap;                  // name of the interface; empty: no network
    uint32_t uid = 0;                 // what the hypervisor and seed-vm become; 0: stay who we are
    std::string store;                // path of the closure's image
    std::string guest;                // directory with vmlinux, initrd.cpio, modules.erofs
    std::string program;              // path of the hypervisor
    std::string accelerator = "tcg";  // or "kvm"
    uint64_t tsc_khz = 0;             // of the host; 0: unknown
    std::string device;               // what the hypervisor virtualises with: "/dev/kvm"; empty: its own choice
    std::string net_socket;           // of seed-net; empty: no network
    std::vector<std::string> resolvers;
    std::string search;      // domain for the guest's resolver; empty: none
    int64_t started_ms = 0;  // unix time
    std::string call;        // id in the logs of the work that started it
};

struct VmState {
    std::string state = "starting";   // starting, ready, exited
    std::string reason;               // why it is not ready yet, or why it exited
    int64_t ready_ms = 0;             // unix time; 0: never was
    std::vector<uint16_t> ipv4_only;  // exposed TCP ports that listen on IPv4 only
    std::vector<uint16_t> ipv4_only_udp;  // exposed UDP ports that are bound on IPv4 only
    std::vector<std::string> remarks; // what is wrong although it runs: sentences
    uint64_t garbage = 0;             // lines on the control channel that were none
};

SEED_JSON(VmSpec, boot, address6, address4, tenant, slot, tap, uid, store, guest, program, accelerator, tsc_khz, device, net_socket,
          resolvers, search, started_ms, call)
SEED_JSON(VmState, state, reason, ready_ms, ipv4_only, ipv4_only_udp, remarks, garbage)

inline constexpr const char *spec_file = "spec.json", *lock_file = "lock", *pid_file = "pid", *hypervisor_file = "qemu",
                            *run_folder = "run";
inline constexpr const char *state_file = "state.json", *socket_file = "vm.sock", *log_file = "log.0", *old_log_file = "log.1";
inline constexpr size_t log_file_bytes = 1u << 20, log_line_bytes = 8192, state_bytes = 16384;

// The lines for seed-guest, "end" included.  Throws Failure(invalid) for an environment name or value that cannot be carried.
std::string encode_configuration(const VmSpec &spec, int64_t time_ms);
std::string serial_of_volume(size_t index);  // "volume0"

}  // namespace seed::vm
