#include <seed/plugin_entry.hpp>

#include "plugins/dns-rfc2136/provider.h"

SEED_DNS_PLUGIN(seed::rfc2136::DynamicUpdate, "dns-rfc2136", "0.1.0", "dynamic update (RFC 2136) with TSIG", seed::rfc2136::config_schema, true)
