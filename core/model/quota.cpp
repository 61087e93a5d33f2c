#include "core/model/quota.h"

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {

Use use_of(const std::string &ns, const std::map<std::string, InstanceSpec> &instances, const std::vector<ObservedVolume> &volumes) {
    Use use;
    std::map<std::string, uint64_t> sizes;
    for (const auto &volume : volumes) sizes[volume.volume] = volume.size_bytes;
    for (const auto &[name, spec] : instances) {
        ++use.instances;
        use.vcpus += spec.size.vcpus;
        use.memory += uint64_t{spec.size.memory_mib} << 20;
        for (const auto &volume : spec.volumes) {
            uint64_t &size = sizes[ns + "/" + name + "/" + volume.name];
            size = std::max(size, volume.size_bytes);
        }
    }
    for (const auto &[id, size] : sizes) use.disk = use.disk + size < use.disk ? UINT64_MAX : use.disk + size;
    return use;
}

void check_quota(const Quota &quota, const Use &use, const std::string &repository) {
    std::string over;
    auto compare = [&](const char *what, uint64_t asked, uint64_t limit, auto text, const char *remedy) {
        if (asked <= limit) return;
        over += (over.empty() ? "" : "; ") + std::string(what) + ": " + text(asked) + " asked for, " + text(limit) + " allowed (" + remedy + ")";
    };
    auto number = [](uint64_t value) { return std::to_string(value); };
    compare("instances", use.instances, quota.instances, number, "export fewer seeds");
    compare("vCPU", use.vcpus, quota.vcpus, number, "choose smaller sizes");
    compare("memory", use.memory, quota.memory, format_size, "choose smaller sizes");
    compare("disk", use.disk, quota.disk, format_size, "ask for smaller volumes, or delete those that are kept without an instance");
    if (!over.empty()) throw Failure(Code::limit, "the quota of " + repository + " is exceeded: " + over + "; or ask the hoster for more");
}

}  // namespace seed::model
