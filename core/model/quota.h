// What one repository may use of the platform.  Checked when a push is planned, before anything is built or started.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/model/instance_spec.h"
#include "core/model/planner.h"

namespace seed::model {

struct Quota {
    uint32_t instances = 16;
    uint32_t vcpus = 32;
    uint64_t memory = 32ull << 30;   // bytes, of all machines together
    uint64_t disk = 64ull << 30;     // bytes, of all volumes, those kept without an instance included
    uint32_t builds = 1;             // Nix steps of all repositories of its owner at the same time
    uint32_t evaluation_seconds = 60;
};
struct Use {
    uint32_t instances = 0, vcpus = 0;
    uint64_t memory = 0, disk = 0;
};

// Resting instances count: they may start at any moment.  `volumes`: what the namespace has now; what would grow counts with its new size.
Use use_of(const std::string &ns, const std::map<std::string, InstanceSpec> &instances, const std::vector<ObservedVolume> &volumes);
// Failure(limit) names each limit that is exceeded, what is asked for, and the remedy.
void check_quota(const Quota &quota, const Use &use, const std::string &repository);

}  // namespace seed::model
