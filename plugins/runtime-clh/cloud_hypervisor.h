// cloud-hypervisor as a hypervisor of seed-vm-clh.
//
//  1. Its API's socket, the console's pipe and the control channel's socket are made before it starts: nothing has to be waited for.
//  2. It starts as the machine's uid, in DIRECTORY/run, with an empty network, its own seccomp and, where the kernel has it, Landlock.
//  3. vm.create with everything but the network; vm.add-net with the tap, which is a descriptor; vm.boot.  A lost answer is no answer:
//     vm.info tells how far it is, then it goes on from there.
//  4. From then on it is watched by its events and its process; nothing more is asked.
#pragma once
#include "plugins/runtime-clh/api_client.h"
#include "plugins/runtime-clh/event_stream.h"
#include "plugins/support/vm/hypervisor.h"

namespace seed::clh {

// vm.create, vm.add-net (unless `tap` is -1) and vm.boot, each at most twice.  Failure says what was refused, or what never came.
void bring_up(const ApiClient &api, const json &config, const json &net, int tap, std::chrono::milliseconds patience);

class CloudHypervisor : public vm::Hypervisor {
public:
    std::string name() const override { return "cloud-hypervisor"; }
    vm::Started start(const vm::VmSpec &spec) override;
    void boot(const vm::VmSpec &spec, vm::Started &started) override;
    std::vector<vm::MonitorEvent> read_monitor(std::string_view bytes) override { return events_.read(bytes); }

private:
    json config_;
    UniqueFd tap_;
    EventStream events_;
};

}  // namespace seed::clh
