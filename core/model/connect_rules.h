// What `seed.connect` may say.  It names other instances for the closure's convenience and grants nothing: who may reach whom is
// decided by `expose` alone.
#pragma once
#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/model/instance_spec.h"

namespace seed::model {

// One member of `connect`: "db", or {service, port}.  `where` begins the messages.
Connection parse_connection(const std::string &where, const std::string &name, const nlohmann::json &value);

// A connection to an instance that the flake does not have, or to a port that the instance does not expose, can never work: the
// flake is the whole namespace.  Refused at evaluation, when nothing has been touched yet, rather than at night in the guest.
// A service with a dot in its name lies elsewhere and is not checked.  Failure(invalid) lists what could be meant.
void refuse_impossible_connections(const std::map<std::string, InstanceSpec> &instances);

}  // namespace seed::model
