// What a boot is told by way of /run/seed/env and /etc/seed/connect.  docs/instances.md has the table for people.
#pragma once
#include <map>
#include <string>

#include "core/model/instance_spec.h"

namespace seed::model {

struct Surroundings {
    std::string ns;
    std::string domain;        // of the platform
    std::string node_address;  // of the host
};
std::map<std::string, std::string> environment_of(const InstanceSpec &spec, const Surroundings &around);
// NAME of each connection -> "svc" or "svc:port": the content of /etc/seed/connect/NAME.
std::map<std::string, std::string> connections_of(const InstanceSpec &spec);

}  // namespace seed::model
