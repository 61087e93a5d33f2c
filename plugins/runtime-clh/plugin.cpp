// runtime-clh: the contract seed.runtime/0 by cloud-hypervisor.  README.md says what differs from runtime-qemu.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <seed/util/process.h>
#include <seed/util/text.h>
#include <seed/plugin_entry.hpp>

#include "plugins/support/vm/accelerator.h"
#include "plugins/support/vm/provider.h"

namespace seed::clh {
namespace {

constexpr const char *kvm = "/dev/kvm", *installed = "/usr/bin/cloud-hypervisor", *by_hand = "/usr/local/bin/cloud-hypervisor";

struct Settings {
    std::string cloud_hypervisor, device = kvm;
};
SEED_JSON(Settings, cloud_hypervisor, device)

constexpr const char *schema = R"({
  "type": "object", "additionalProperties": false, "required": ["prefix6"],
  "properties": {
    )" SEED_VM_PROPERTIES R"(
    "cloud_hypervisor": {"type": "string", "pattern": "^/", "description": "path of the program cloud-hypervisor, version 53 or later; default: /usr/bin or /usr/local/bin"},
    "device": {"type": "string", "pattern": "^/dev/[a-z0-9]+$", "default": "/dev/kvm", "description": "what it virtualises with: /dev/kvm, or /dev/mshv on Microsoft's hypervisor"}
  }})";

std::string find_program() {
    return access(installed, X_OK) && access(by_hand, X_OK) == 0 ? by_hand : installed;
}

}  // namespace

class Plugin : public vm::Provider {
public:
    Plugin(const plugin::Host &host, const json &config)
        : Provider(host, config.get<vm::ProviderSettings>(), {.supervisor = "seed-vm-clh", .own_mib = 200}), settings_(config.get<Settings>()) {
        if (settings_.cloud_hypervisor.empty()) settings_.cloud_hypervisor = find_program();
    }

protected:
    Ability look_at_host() const override {
        Ability ability{"kvm", {}, {}};  // the contract's word for hardware
        if (access(settings_.cloud_hypervisor.c_str(), X_OK))
            ability.problems.push_back("cloud-hypervisor not found at " + settings_.cloud_hypervisor +
                                       ": install it (https://github.com/cloud-hypervisor/cloud-hypervisor/releases), set `cloud_hypervisor` to its path, or use "
                                       "runtime-qemu");
        if (std::string why = why_unusable(); !why.empty())
            ability.problems.push_back(why + ": cloud-hypervisor emulates nothing; switch hardware virtualisation on, or use runtime-qemu");
        if (landlock_abi() < 3)
            ability.remarks.push_back("cloud-hypervisor runs without Landlock, which needs Linux 6.2: only its user, namespaces and seccomp confine it");
        return ability;
    }
    void choose_hypervisor(vm::VmSpec &spec) const override {
        spec.program = settings_.cloud_hypervisor;
        spec.accelerator = "kvm";  // hardware: the guest's kernel gets no options for emulation
        spec.device = settings_.device;
    }

private:
    std::string why_unusable() const {
        if (settings_.device == kvm) return vm::choose_accelerator("auto").reason;
        struct stat status {};
        if (stat(settings_.device.c_str(), &status)) return "there is no " + settings_.device;
        if (!S_ISCHR(status.st_mode)) return settings_.device + " is no device";
        return access(settings_.device.c_str(), R_OK | W_OK) ? settings_.device + " may not be used by this user" : "";
    }

    Settings settings_;
};

}  // namespace seed::clh

SEED_RUNTIME_PLUGIN(seed::clh::Plugin, "runtime-clh", "0.1.0", "cloud-hypervisor virtual machines on this host", seed::clh::schema, true)
