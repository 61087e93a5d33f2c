// The boots of this runtime as they are on disk and alive: STATE/vms/HANDLE/ (plugins/support/vm/vm_protocol.h).
// Nothing is kept in memory, so a restart of the plugin loses nothing.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <seed/util/process.h>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

bool carries_tcp(const runtime::Expose &expose);  // tcp, http, grpc, dns
bool carries_udp(const runtime::Expose &expose);  // udp, dns

std::string escape(std::string_view name);  // "ns/web/b1" to "ns~web~b1": a file name, no two names alike

struct Machine {
    std::filesystem::path folder;
    VmSpec spec;
    VmState state;   // as far as it can be believed
    bool alive = false;  // its seed-vm runs
    bool begun = false;  // a seed-vm has run
    std::optional<ProcessIdentity> supervisor, hypervisor;

    runtime::Boot boot() const;
    // The exposed port is one of TCP (UDP) that listens inside on 0.0.0.0 only.
    bool listens_on_ipv4_only(const runtime::Expose &expose, bool udp) const;
    // May send and receive: it runs, or is about to.
    bool wants_network() const { return !spec.tap.empty() && (alive ? state.state != "exited" : !begun); }
};

class Machines {
public:
    explicit Machines(std::filesystem::path folder) : folder_(std::move(folder)) {}
    const std::filesystem::path &folder() const { return folder_; }
    std::filesystem::path folder_of(const std::string &handle) const { return folder_ / escape(handle); }
    std::optional<Machine> find(const std::string &handle) const;  // none also while it is being made
    std::vector<Machine> all() const;                              // by start

private:
    std::filesystem::path folder_;
};

// The lock of a machine's folder, taken for a new seed-vm; none when one runs.
UniqueFd take_machine_lock(const std::filesystem::path &folder);
// Ends seed-vm and the hypervisor for sure; Failure(unavailable) when they do not go.
void kill_machine(const Machine &machine);
void ask_machine_to_stop(const Machine &machine, uint32_t grace_ms);  // Failure(unavailable) when it cannot be asked

}  // namespace seed::vm
