// QEMU as a hypervisor of seed-vm: how it is started, and its monitor (QMP).
#pragma once
#include "plugins/support/vm/hypervisor.h"
#include "plugins/support/vm/line_splitter.h"

namespace seed::qemu {

class Qemu : public vm::Hypervisor {
public:
    std::string name() const override { return "QEMU"; }
    vm::Started start(const vm::VmSpec &spec) override;
    std::vector<vm::MonitorEvent> read_monitor(std::string_view bytes) override;
    std::string_view greeting() const override { return "{\"execute\":\"qmp_capabilities\"}\n"; }
    std::string_view go_on() const override { return "{\"execute\":\"cont\"}\n"; }

private:
    vm::LineSplitter lines_{65536};
    bool shuts_down_ = false;
};

}  // namespace seed::qemu
