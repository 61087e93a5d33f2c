// runtime-qemu: the contract seed.runtime/0 by QEMU microVMs.  README.md says how its parts work together.
#include <unistd.h>

#include <seed/plugin_entry.hpp>

#include "plugins/support/vm/accelerator.h"
#include "plugins/support/vm/provider.h"

namespace seed::qemu {
namespace {

constexpr const char *program = "/usr/bin/qemu-system-x86_64";

struct Settings {
    std::string accelerator = "auto";
};
SEED_JSON(Settings, accelerator)

constexpr const char *schema = R"({
  "type": "object", "additionalProperties": false, "required": ["prefix6"],
  "properties": {
    )" SEED_VM_PROPERTIES R"(
    "accelerator": {"enum": ["auto", "kvm", "tcg"], "default": "auto", "description": "auto: KVM where it is really fast, otherwise tcg, which is software emulation"}
  }})";

}  // namespace

class Plugin : public vm::Provider {
public:
    Plugin(const plugin::Host &host, const json &config)
        : Provider(host, config.get<vm::ProviderSettings>(), {.supervisor = "seed-vm"}), settings_(config.get<Settings>()) {}

protected:
    Ability look_at_host() const override {
        vm::Accelerator accelerator = vm::choose_accelerator(settings_.accelerator);
        Ability ability{accelerator.name, {}, {}};
        if (accelerator.name == "tcg" && settings_.accelerator == "auto")
            ability.remarks.push_back("software emulation: " + accelerator.reason);
        if (access(program, X_OK)) ability.problems.push_back(std::string(program) + " is missing; apt-get install qemu-system-x86");
        return ability;
    }
    void choose_hypervisor(vm::VmSpec &spec) const override {
        spec.program = program;
        spec.accelerator = vm::choose_accelerator(settings_.accelerator).name;
        spec.tsc_khz = vm::measure_tsc_khz();
    }

private:
    Settings settings_;
};

}  // namespace seed::qemu

SEED_RUNTIME_PLUGIN(seed::qemu::Plugin, "runtime-qemu", "0.1.0", "QEMU microVMs on this host", seed::qemu::schema, true)
