// Forgetting connections whose boot or exposure is gone, so that their clients get a reset instead of silence.
#pragma once
#include <set>
#include <tuple>

#include "plugins/support/net/address.h"

namespace seed::net {

struct LiveConnections {
    Prefix prefix;
    std::set<Address> boots;                                   // both families
    std::set<std::tuple<Address, uint8_t, uint16_t>> exposed;  // service address, protocol, port
};
// Deletes every entry of this namespace that names an address of a boot not in `boots`, or came through a service port not in
// `exposed`.  Returns how many.  Throws Failure.
size_t forget_dead_connections(const LiveConnections &live);

}  // namespace seed::net
