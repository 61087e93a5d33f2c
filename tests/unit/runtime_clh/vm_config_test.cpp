#include "plugins/runtime-clh/vm_config.h"

#include <gtest/gtest.h>

#include <set>

namespace seed::clh {
namespace {

vm::VmSpec example() {
    vm::VmSpec spec;
    spec.boot.vcpus = 2;
    spec.boot.memory_mib = 512;
    spec.boot.volumes = {{.name = "a", .path = "/secret/a"}, {.name = "b", .path = "/secret/b"}};
    spec.program = "/usr/bin/cloud-hypervisor";
    spec.accelerator = "kvm";
    spec.store = "/secret/store";
    spec.guest = "/secret/guest";
    spec.slot = 0x1234;
    return spec;
}
const Files files{"/proc/self/fd/3", "/proc/self/fd/4", "/proc/self/fd/6", "/proc/self/fd/5", {"/proc/self/fd/7", "/dev/volume1"}};

TEST(ClhConfiguration, SaysAllOfAMachineAndNothingThatOnlyItsHypervisorNeedNotKnow) {
    json config = vm_config(example(), files, true);
    EXPECT_EQ(config["cpus"], json({{"boot_vcpus", 2}, {"max_vcpus", 2}, {"nested", false}}));
    EXPECT_EQ(config["memory"]["size"], 536870912u);
    EXPECT_EQ(config["payload"]["kernel"], "/proc/self/fd/3");
    EXPECT_NE(config["payload"]["cmdline"].get<std::string>().find(" seed.vsock=5333"), std::string::npos);
    EXPECT_EQ(config["payload"]["cmdline"].get<std::string>().find("tsc"), std::string::npos) << "that is for emulation";
    EXPECT_EQ(config["console"]["mode"], "Off");
    EXPECT_EQ(config["serial"], json({{"mode", "File"}, {"file", "console"}}));
    EXPECT_EQ(config["landlock_enable"], true);
    EXPECT_GE(config["vsock"]["cid"], 3);
    EXPECT_EQ(config.dump().find("/secret"), std::string::npos) << "paths of the host";
    std::set<std::string> serials, ids;
    for (const json &disk : config["disks"]) {
        EXPECT_EQ(disk["image_type"], "Raw") << "guessed from what the guest wrote otherwise";
        serials.insert(disk["serial"]);
        ids.insert(disk["id"]);
        EXPECT_EQ(disk["readonly"], !disk["serial"].get<std::string>().starts_with("volume"));
    }
    EXPECT_EQ(serials, (std::set<std::string>{"store", "modules", "volume0", "volume1"}));
    EXPECT_EQ(ids.size(), 4u);
    EXPECT_FALSE(config.contains("net")) << "vm.create takes no descriptors";
}

TEST(ClhConfiguration, TheCommandLineNamesDescriptorsAndKeepsTheFilterOfCalls) {
    auto plain = command_line(example(), {8, 9}, false);
    EXPECT_EQ(plain, (std::vector<std::string>{"/usr/bin/cloud-hypervisor", "--api-socket", "fd=8", "--event-monitor", "fd=9", "--seccomp", "true"}));
    EXPECT_EQ(command_line(example(), {8, 9}, true).back(), "--landlock");
    EXPECT_EQ(control_socket(), "./vsock.sock_5333");
    EXPECT_EQ(net_config(example())["mac"], "52:5e:ed:00:12:34");
}

}  // namespace
}  // namespace seed::clh
