// Forgetting connections whose boot or exposure is gone, so that their clients get a reset instead of silence.
#pragma once
#include <set>

#include "plugins/support/net/live_connections.h"

namespace seed::net {

// Deletes every entry of this namespace that names an address of a boot not in `boots`, or came through a service port not in
// `exposed`.  Returns how many.  Throws Failure.
size_t forget_dead_connections(const LiveConnections &live);
// TCP connections that lead to one of these addresses and in which something can still be said.  Throws Failure.
size_t count_connections(const std::set<Address> &boot);

}  // namespace seed::net
