#include "core/providers/host_group.h"

#include <unistd.h>

#include <algorithm>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::providers {

namespace {

constexpr std::string_view prefix = "plugin-", lasting_suffix = ".lasting";

}  // namespace

uint64_t usual_memory() {
    auto pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t all = pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 8ull << 30;
    return std::min<uint64_t>(8ull << 30, all / 2);
}

HostGroup::HostGroup(const std::string &platform, const std::string &plugin, const Grants &grants)
    : lasting_(grants.lasting_programs),
      memory_(grants.memory_bytes > 0 ? grants.memory_bytes : usual_memory()),
      processes_(grants.processes > 0 ? grants.processes : usual_processes) {
    if (!Cgroup::available()) return;
    std::string name = std::string(prefix) + plugin + (lasting_ ? std::string(lasting_suffix) : "-" + random_hex(4));
    try {
        group_ = Cgroup::make(platform, name, {.memory_bytes = memory_, .processes = processes_});
        known_ = group_.troubles();
    } catch (const Failure &failure) {
        log_warning(plugin, std::string("going on without a control group, each process limited by itself: ") + failure.what());
    }
}

std::string HostGroup::limits_met() {
    if (folders().empty()) return {};
    auto now = group_.troubles();
    std::string text;
    if (now.memory_kills > known_.memory_kills)
        text = "together its processes need more than the " + format_size(memory_) + " of memory that they may have, and some were killed";
    if (now.refused_processes > known_.refused_processes)
        text += (text.empty() ? "" : "; ") + std::string("it wants more than the ") + std::to_string(processes_) + " processes and threads that it may have";
    if (!text.empty()) text += "; who needs more says so in its configuration schema (x-seed-needs)";
    known_ = now;
    return text;
}

void HostGroup::end() {
    if (folders().empty()) return;
    try {
        if (lasting_) group_.remove_if_empty();
        else group_.remove();
    } catch (const Failure &failure) {
        log_warning("providers", std::string("ignoring, the next start tries again: ") + failure.what());
    }
    group_ = Cgroup();
}

void HostGroup::sweep(const std::string &platform) {
    if (!Cgroup::available()) return;
    for (const std::string &name : Cgroup::list(platform)) {
        if (!name.starts_with(prefix)) continue;
        Cgroup group = Cgroup::named(platform, name);
        try {
            if (name.ends_with(lasting_suffix)) group.remove_if_empty();
            else group.remove();
        } catch (const Failure &failure) {
            log_warning("providers", std::string("ignoring: ") + failure.what());
        }
    }
}

}  // namespace seed::providers
