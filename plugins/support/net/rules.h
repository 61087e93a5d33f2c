// The complete nftables table of the platform's network, rendered from the whole state: pure code, no I/O.
//
// Nothing reaches the text but inet_ntop's addresses, numbers, and names that match [a-z0-9]: check() makes it so.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plugins/support/net/net_client.h"

namespace seed::net {

inline constexpr std::string_view uplink_name = "up0";
inline constexpr std::string_view resolver4 = "169.254.0.1";

// The same state with every address in its shortest spelling.  Throws Failure(invalid) naming the first bad value.
NetworkState check(NetworkState state);
void check(const TapRequest &request);

// A service port that seed-edge must serve itself, because its guest listens on IPv4 only.
struct ProxyPort {
    std::string service, guest4;  // listen on [service]:port, connect to guest4:port
    uint16_t port = 0;
    uint32_t tenant = 0;
    bool udp = false;
};
std::vector<ProxyPort> proxy_ports(const NetworkState &state);

// For `nft -f -`: one transaction that replaces the table `inet seed`.  `state` must have been checked.
std::string render_rules(const NetworkState &state);
// Made once per namespace, and kept: how many connections each guest holds must survive a replacement of the other table.
std::string render_guard();

}  // namespace seed::net
