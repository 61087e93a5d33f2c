// Forgetting connections whose boot or exposure is gone, so that their clients get a reset instead of silence.
#pragma once
#include <map>
#include <set>
#include <tuple>

#include "plugins/support/net/address.h"

namespace seed::net {

struct LiveConnections {
    Prefix prefix;
    std::set<Address> boots;                                   // both families
    std::set<std::tuple<Address, uint8_t, uint16_t>> exposed;  // service address, protocol, port
    // Which boot serves a UDP port: what goes to another one is forgotten, so that the next datagram finds the right one.  TCP
    // connections stay where they are until their boot ends.
    std::map<std::pair<Address, uint16_t>, Address> udp_boots;
};
// Deletes every entry of this namespace that names an address of a boot not in `boots`, or came through a service port not in
// `exposed`.  Returns how many.  Throws Failure.
size_t forget_dead_connections(const LiveConnections &live);
// TCP connections that lead to one of these addresses and in which something can still be said.  Throws Failure.
size_t count_connections(const std::set<Address> &boot);

}  // namespace seed::net
