// What every hypervisor gives a machine alike.
#pragma once
#include <string>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

std::string kernel_command_line(const VmSpec &spec);
std::string mac_address(uint32_t slot);

}  // namespace seed::vm
