// What `seed.expose` may say: the well-known names with their ports and protocols, and the check for ports used twice.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/model/instance_spec.h"

namespace seed::model {

struct WellKnown {
    const char *name;
    uint16_t port;  // 0: the name fixes a protocol, but no port
    const char *protocol;
};
const WellKnown *well_known(std::string_view name);  // null: not in the table

// One member of `expose`: a port, or {port, protocol, enable}.  None when `enable` is false.  `where` begins the messages.
std::optional<ExposedPort> parse_exposed(const std::string &where, const std::string &name, const nlohmann::json &value);
void refuse_ports_used_twice(const std::string &instance, const std::vector<ExposedPort> &ports);

}  // namespace seed::model
