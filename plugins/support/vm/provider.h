// The contract seed.runtime/0 by virtual machines on this host, whatever hypervisor runs them: what is on disk, which uid, tap and address
// a machine has, its network, its logs and its end.  A plugin derives from it and says what only its hypervisor knows.
//
// plugins/runtime-qemu/README.md says how the parts work together; plugins/support/vm/hypervisor.h is the other half, inside seed-vm.
#pragma once
#include <mutex>

#include <seed/plugin.hpp>

#include "plugins/support/vm/logs.h"
#include "plugins/support/vm/machines.h"
#include "plugins/support/vm/network.h"

namespace seed::vm {

struct ProviderSettings {  // what every such plugin can be told
    std::string guest, platform, prefix6, zone, dns, loopback_ports;
};
SEED_JSON(ProviderSettings, guest, platform, prefix6, zone, dns, loopback_ports)

// Their part of a plugin's configuration schema: members of "properties", a comma at the end.
#define SEED_VM_PROPERTIES                                                                                                                 \
    R"("prefix6": {"type": "string", "description": "the platform's /48 for services and machines: fd5e:ed00:1::/48"},)"                   \
    R"("guest": {"type": "string", "description": "directory of vmlinux, initrd.cpio, modules.erofs; default: ../guest beside the programs"},)" \
    R"("platform": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$", "description": "tells two platforms on one host apart"},)"            \
    R"("zone": {"type": "string", "description": "the platform's domain, for the guests' resolver"},)"                                     \
    R"("dns": {"type": "string", "description": "ADDRESS:PORT of the server that answers for the zone"},)"                                 \
    R"("loopback_ports": {"type": "string", "pattern": "^([0-9]+-[0-9]+)?$", "description": "ports of 127.0.0.1 that lead to services: 20000-20999"},)"

struct Hypervising {         // what the hypervisor of a plugin costs and is started by
    std::string supervisor;  // the program beside ours that starts and watches one machine
    uint32_t own_mib = 300;  // memory it needs beside the guest's
    uint64_t threads = 256;  // of one machine, its supervisor included
};

// Thread-safe: one change at a time, looking needs no lock.  Nothing is kept in memory that a restart would miss.
class Provider : public plugin::RuntimeProvider {
public:
    Provider(const plugin::Host &host, ProviderSettings settings, Hypervising hypervising);
    ~Provider() override;

    runtime::CheckReply check(plugin::Call &) override;
    runtime::PrepareReply prepare(plugin::Call &, const runtime::PrepareRequest &request) override;
    runtime::Boot start(plugin::Call &call, const runtime::StartRequest &request) override;
    runtime::Boot inspect(plugin::Call &, const runtime::HandleRequest &request) override;
    runtime::ListReply list(plugin::Call &) override;
    void logs(plugin::Call &call, const runtime::LogsRequest &request) override;
    void wait(plugin::Call &call, const runtime::WaitRequest &request) override;
    void stop(plugin::Call &call, const runtime::StopRequest &request) override;
    void destroy(plugin::Call &, const runtime::HandleRequest &request) override;
    runtime::PublishReply publish(plugin::Call &call, const runtime::PublishRequest &request) override;
    runtime::ImagesReply images(plugin::Call &) override;
    void forget(plugin::Call &, const runtime::ForgetRequest &request) override;
    void stats(plugin::Call &call, const runtime::WaitRequest &request) override;
    void recover(plugin::Call &) override;

protected:
    struct Ability {
        std::string accelerator;            // for CheckReply
        std::vector<std::string> problems;  // no machine can run: sentences with the remedy
        std::vector<std::string> remarks;   // machines run, but
    };
    virtual Ability look_at_host() const = 0;               // cheap, read-only
    virtual void choose_hypervisor(VmSpec &spec) const = 0;  // program, accelerator and what else only the plugin knows

private:
    Machine need(const std::string &handle) const;
    void drain(plugin::Call &call, const Machine &machine, std::chrono::milliseconds patience);
    Machine make_machine(const runtime::StartRequest &request, UniqueFd &held, std::string call);
    uint32_t free_slot();
    std::string boot_address(uint32_t tenant, const std::string &handle) const;
    static std::string cgroup_name(const std::filesystem::path &folder);
    // What is readable at its end as soon as the hypervisor runs with its tap, or the supervisor has given up.
    UniqueFd spawn(const Machine &machine, UniqueFd lock);
    static void end_of_volumes(const Machine &machine);
    void remove_cgroup(const std::filesystem::path &folder);
    UniqueFd watch_network();
    UniqueFd tell_how_guests_listen();
    void discard(const std::filesystem::path &folder);
    void forget_in_network();

    const plugin::Host &host_;
    ProviderSettings settings_;
    const Hypervising hypervising_;
    std::filesystem::path state_;
    std::mutex mutex_;  // one change at a time; looking needs no lock
    Machines machines_;
    Logs logs_;
    Network network_;
    uint32_t next_slot_ = 0;
    pid_t network_pid_ = 0;  // the seed-net that was told everything
    std::chrono::steady_clock::time_point listening_told_{};
};

}  // namespace seed::vm
