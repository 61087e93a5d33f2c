#include "plugins/runtime-clh/vm_config.h"

#include "plugins/support/vm/machine_parts.h"

namespace seed::clh {
namespace {

json disk(const std::string &id, const std::string &path, bool read_only) {
    // The type is said, not guessed: the first bytes of a volume are its guest's.
    return {{"id", id}, {"path", path}, {"readonly", read_only}, {"serial", id}, {"image_type", "Raw"}};
}

}  // namespace

std::string control_socket() {
    return std::string(vsock_socket) + "_" + std::to_string(control_port);
}

std::vector<std::string> command_line(const vm::VmSpec &spec, const Numbers &numbers, bool landlock) {
    std::vector<std::string> command = {spec.program, "--api-socket", "fd=" + std::to_string(numbers.api), "--event-monitor",
                                        "fd=" + std::to_string(numbers.events), "--seccomp", "true"};
    if (landlock) command.push_back("--landlock");  // its threads too that serve no machine
    return command;
}

json vm_config(const vm::VmSpec &spec, const Files &files, bool landlock) {
    json disks = json::array({disk("store", files.store, true), disk("modules", files.modules, true)});
    for (size_t n = 0; n < files.volumes.size(); ++n) disks.push_back(disk(vm::serial_of_volume(n), files.volumes[n], false));
    std::string options = vm::kernel_command_line(spec) + " seed.vsock=" + std::to_string(control_port);
    json config = {
        {"cpus", {{"boot_vcpus", spec.boot.vcpus}, {"max_vcpus", spec.boot.vcpus}, {"nested", false}}},
        {"memory", {{"size", uint64_t{spec.boot.memory_mib} << 20}}},
        {"payload", {{"kernel", files.kernel}, {"initramfs", files.initrd}, {"cmdline", options}}},
        {"disks", disks},
        {"rng", {{"src", "/dev/urandom"}}},
        {"serial", {{"mode", "File"}, {"file", console_pipe}}},
        {"console", {{"mode", "Off"}}},  // its default is the terminal
        {"vsock", {{"id", "control"}, {"cid", 3}, {"socket", vsock_socket}}},
        {"landlock_enable", landlock},
    };
    return config;
}

json net_config(const vm::VmSpec &spec) {
    return {{"id", "net"}, {"mac", vm::mac_address(spec.slot)}, {"num_queues", 2}, {"queue_size", 256}};
}

}  // namespace seed::clh
