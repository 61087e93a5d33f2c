#include "plugins/support/vm/machine_parts.h"

#include <cstdio>

namespace seed::vm {

// Why each is there: docs/guest-contract.md, "The kernel's command line".
std::string kernel_command_line(const VmSpec &spec) {
    std::string line =
        "console=ttyS0 quiet reboot=t panic=-1 random.trust_cpu=on 8250.nr_uarts=1 audit=0 apparmor=0 edd=off "
        "cryptomgr.notests no_timer_check systemd.journald.forward_to_console=1 "
        "initcall_blacklist=init_kprobe_trace,slab_sysfs_init,msr_init,add_pcspkr,vga_arb_device_init";
    if (spec.accelerator == "tcg") {
        line += " mitigations=off nokaslr tsc=reliable";
        if (spec.tsc_khz) line += " tsc_early_khz=" + std::to_string(spec.tsc_khz);
    }
    return line;
}

std::string mac_address(uint32_t slot) {
    char text[32];
    snprintf(text, sizeof text, "52:5e:ed:%02x:%02x:%02x", slot >> 16 & 255, slot >> 8 & 255, slot & 255);
    return text;
}

}  // namespace seed::vm
