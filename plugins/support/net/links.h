// The platform's network namespace from inside: entering it, interfaces, routes, taps, the rules, listening sockets.
// Every function works on the namespace the calling process is in, which must not be the host's.
#pragma once
#include <string>
#include <vector>

#include <seed/util/fd.h>

#include "plugins/support/net/address.h"
#include "plugins/support/net/net_client.h"

namespace seed::net {

// lo, forwarding, the guard table and, where there is none yet, a table that lets nothing through.
void prepare_namespace();
// Routes and the resolver's address of the prefix; what is ours never leaves by the default route.
void route_prefix(const Prefix &prefix);
void unroute_prefix(const Prefix &prefix);
// None while another process holds a tap of that name.
UniqueFd make_tap(const TapRequest &request);
void load_rules(const std::string &text);  // one `nft -f -`; throws with nft's words

// Sockets of this namespace, non-blocking; `free_bind`: bound even before their address is there (IP_FREEBIND).
UniqueFd listen_tcp(const Endpoint &endpoint, bool free_bind);
UniqueFd bind_udp(const Endpoint &endpoint, bool free_bind);

}  // namespace seed::net
