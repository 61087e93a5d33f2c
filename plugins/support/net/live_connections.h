// Which connections may go on after a change of the network's state.
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
// Whether a step from `before`, when nothing dead was left, to `now` may leave dead ones: when more is live, it may not.
bool may_leave_dead(const LiveConnections &before, const LiveConnections &now);

}  // namespace seed::net
