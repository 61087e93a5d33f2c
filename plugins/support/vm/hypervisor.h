// What seed-vm needs of a hypervisor: how a machine is started, and what the hypervisor tells while it runs.
//
//  1. start(): as root, in the machine's directory.  Opens what the machine needs, starts the hypervisor as the machine's uid, in namespaces
//     of its own, and gives back the ends of its channels.
//  2. seed-vm becomes the machine's uid and enters DIRECTORY/run.
//  3. boot(): what is still to be said to the hypervisor before the machine runs.
//  4. read_monitor() with each bytes that the hypervisor sends, until it ends.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <seed/util/process.h>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

struct VmChannels {  // our ends
    UniqueFd console;           // what the machine writes on its serial port
    UniqueFd control;           // guest_event.h; invalid: it comes from `control_listener`
    UniqueFd control_listener;  // whose first connection is the control channel, and the only one
    UniqueFd monitor;           // both ways, or only from the hypervisor
    UniqueFd complaints;        // its standard error
};

struct Started {
    Process process;
    VmChannels channels;
};

struct MonitorEvent {
    enum class Kind {
        greeting,      // it listens: Hypervisor::greeting() is sent
        powered_off,   // by the guest
        reset,         // by the guest; the hypervisor ends now
        restarting,    // reset by the guest, and the hypervisor boots it again unless it is killed
        out_of_space,  // halted in the middle of a write, because the host's disk is full
        resumed,       // it goes on after that
        halted,        // for good: an error inside the hypervisor
    } kind;
};

class Hypervisor {
public:
    virtual ~Hypervisor() = default;
    virtual std::string name() const = 0;                                   // in sentences: "QEMU"
    virtual Started start(const VmSpec &spec) = 0;                          // Failure: why it cannot be started
    virtual void boot(const VmSpec &, Started &) {}                         // Failure: why the machine cannot run
    virtual std::vector<MonitorEvent> read_monitor(std::string_view bytes) = 0;  // never throws, whatever they are
    virtual std::string_view greeting() const { return {}; }                // what is sent to the monitor; empty: nothing
    virtual std::string_view go_on() const { return {}; }                   // after out_of_space
};

// main() of a program that supervises one machine: ARGUMENTS are DIRECTORY.  Its exit status.
int supervise_machine(int count, char **arguments, Hypervisor &hypervisor);

}  // namespace seed::vm
