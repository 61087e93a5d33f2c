// What `seed.storage` may say: size, mount point, owner and mode.
#pragma once
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/model/instance_spec.h"

namespace seed::model {

// One member of `storage`: "1Gi" or {size, mountPoint, user, group, mode}.  `where` begins the messages.
VolumeSpec parse_volume(const std::string &where, const std::string &name, const nlohmann::json &value);
void refuse_mount_points_used_twice(const std::string &instance, const std::vector<VolumeSpec> &volumes);

}  // namespace seed::model
