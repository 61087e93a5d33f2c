#include <seed/plugin_entry.hpp>

#include "plugins/dns-powerdns/provider.h"

namespace {
using Provider = seed::powerdns::PowerDns;
}

SEED_DNS_PLUGIN(Provider, "dns-powerdns", "0.1.0", "records in PowerDNS, a server of its own or one that is there",
                seed::powerdns::config_schema, true)
