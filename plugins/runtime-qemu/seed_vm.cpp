// seed-vm DIRECTORY: starts and supervises one virtual machine by QEMU.  plugins/support/vm/vm_protocol.h has the agreement.
#include "plugins/runtime-qemu/qemu.h"

int main(int count, char **arguments) {
    seed::qemu::Qemu hypervisor;
    return seed::vm::supervise_machine(count, arguments, hypervisor);
}
