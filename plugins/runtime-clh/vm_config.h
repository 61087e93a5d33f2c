// What is said to cloud-hypervisor: its command line, and the bodies of vm.create and vm.add-net.  Pure.
// Source: vmm/src/vm_config.rs of cloud-hypervisor v53; what is left out has that version's defaults.
#pragma once
#include <string>
#include <vector>

#include <seed/codec.hpp>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::clh {

// Names in DIRECTORY/run, where cloud-hypervisor runs: short, because a socket's path has 107 bytes.
inline constexpr const char *api_socket = "api.sock", *console_pipe = "console", *vsock_socket = "./vsock.sock";
inline constexpr uint32_t control_port = 5333;  // of the host's end of the vsock; the guest finds it on its command line
std::string control_socket();                   // where cloud-hypervisor brings what the guest connects to that port

struct Files {  // paths as cloud-hypervisor sees them: /proc/self/fd/N, /dev/volume0
    std::string kernel, initrd, store, modules;
    std::vector<std::string> volumes;  // in the order of the specification
};

struct Numbers {  // descriptors in cloud-hypervisor's process
    int api = -1, events = -1;
};

// `landlock`: it restricts itself to the files of its configuration.
std::vector<std::string> command_line(const vm::VmSpec &spec, const Numbers &numbers, bool landlock);
json vm_config(const vm::VmSpec &spec, const Files &files, bool landlock);
json net_config(const vm::VmSpec &spec);  // its tap comes beside it, as a descriptor

}  // namespace seed::clh
