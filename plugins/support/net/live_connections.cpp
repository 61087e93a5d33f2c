#include "plugins/support/net/live_connections.h"

#include <algorithm>

namespace seed::net {

bool may_leave_dead(const LiveConnections &before, const LiveConnections &now) {
    auto serves = [&](const auto &udp) {   // who served it before does
        auto known = before.udp_boots.find(udp.first);
        return known != before.udp_boots.end() && known->second == udp.second;
    };
    return before.prefix.text() != now.prefix.text() ||
           !std::includes(now.boots.begin(), now.boots.end(), before.boots.begin(), before.boots.end()) ||
           !std::includes(now.exposed.begin(), now.exposed.end(), before.exposed.begin(), before.exposed.end()) ||
           !std::all_of(now.udp_boots.begin(), now.udp_boots.end(), serves);
}

}  // namespace seed::net
