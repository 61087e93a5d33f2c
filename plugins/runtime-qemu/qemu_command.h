// QEMU's command line.  QEMU opens no file, socket or device by itself: every one is a descriptor.
#pragma once
#include <string>
#include <vector>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::qemu {

struct QemuDescriptors {  // numbers in QEMU's process
    int console = -1, control = -1, monitor = -1;
    int kernel = -1, initrd = -1, store = -1, modules = -1;
    int tap = -1;                                 // -1: no network
    std::vector<int> volumes, volumes_read_only;  // two descriptors of each, in the order of the spec: QEMU opens read-only first
    std::vector<bool> devices;                    // is volume n a block device?
};
std::vector<std::string> qemu_command(const vm::VmSpec &spec, const QemuDescriptors &descriptors);

}  // namespace seed::qemu
