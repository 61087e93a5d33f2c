#include "plugins/runtime-qemu/qemu_command.h"

#include "plugins/support/vm/machine_parts.h"

namespace seed::qemu {
using namespace vm;
namespace {

void add_disk(std::vector<std::string> &command, const std::string &serial, int fd, int set, bool read_only, bool device) {
    std::string id = "d" + std::to_string(set), number = std::to_string(set);
    command.insert(command.end(), {"-add-fd", "fd=" + std::to_string(fd) + ",set=" + number});
    command.insert(command.end(), {"-drive", "if=none,id=" + id + ",file.driver=" + (device ? "host_device" : "file") +
                                                 ",file.filename=/dev/fdset/" + number + ",format=raw," +
                                                 (read_only ? "readonly=on" : "discard=unmap,detect-zeroes=unmap")});
    command.insert(command.end(), {"-device", "virtio-blk-device,drive=" + id + ",serial=" + serial});
}

}  // namespace

std::vector<std::string> qemu_command(const VmSpec &spec, const QemuDescriptors &fds) {
    auto number = [](int fd) { return std::to_string(fd); };
    bool kvm = spec.accelerator == "kvm";
    std::vector<std::string> command = {
        spec.program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "microvm", "-global",
        "virtio-mmio.force-legacy=false", "-accel", kvm ? "kvm" : "tcg,thread=multi,tb-size=64", "-cpu", kvm ? "host" : "qemu64",
        "-smp", std::to_string(spec.boot.vcpus), "-m", std::to_string(spec.boot.memory_mib) + "M", "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-chardev",
        "socket,id=console,fd=" + number(fds.console), "-serial", "chardev:console", "-chardev",
        "socket,id=control,fd=" + number(fds.control), "-device", "virtio-serial-device,max_ports=4", "-device",
        "virtserialport,chardev=control,name=org.seed.ctl", "-chardev", "socket,id=monitor,fd=" + number(fds.monitor), "-mon",
        "chardev=monitor,mode=control", "-object", "rng-builtin,id=random", "-device", "virtio-rng-device,rng=random",
        // QEMU reads these two by path; a path of the own descriptor is permission enough.
        "-kernel", "/proc/self/fd/" + number(fds.kernel), "-initrd", "/proc/self/fd/" + number(fds.initrd), "-append",
        kernel_command_line(spec)};
    add_disk(command, "store", fds.store, 1, true, false);
    add_disk(command, "modules", fds.modules, 2, true, false);
    for (size_t n = 0; n < fds.volumes.size(); ++n) {
        command.insert(command.end(), {"-add-fd", "fd=" + number(fds.volumes_read_only[n]) + ",set=" + std::to_string(n + 3)});
        add_disk(command, serial_of_volume(n), fds.volumes[n], static_cast<int>(n) + 3, false, fds.devices[n]);
    }
    if (fds.tap >= 0)
        command.insert(command.end(), {"-netdev", "tap,id=net,fd=" + number(fds.tap) + ",vhost=off", "-device",
                                       "virtio-net-device,netdev=net,mac=" + mac_address(spec.slot)});
    return command;
}

}  // namespace seed::qemu
