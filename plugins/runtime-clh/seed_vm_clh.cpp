// seed-vm-clh DIRECTORY: starts and supervises one virtual machine by cloud-hypervisor.  plugins/support/vm/vm_protocol.h has the
// agreement.
#include "plugins/runtime-clh/cloud_hypervisor.h"

int main(int count, char **arguments) {
    seed::clh::CloudHypervisor hypervisor;
    return seed::vm::supervise_machine(count, arguments, hypervisor);
}
