// NetworkState and TapRequest as JSON, and the rules a value must keep before anything is done with it.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "plugins/support/net/net_client.h"

namespace seed::net {

nlohmann::json to_json(const NetworkState &state);
nlohmann::json to_json(const TapRequest &request);
// Throw Failure(invalid) for a wrong shape; call check() for the values.
NetworkState state_from_json(const nlohmann::json &json);
TapRequest tap_from_json(const nlohmann::json &json);

}  // namespace seed::net
