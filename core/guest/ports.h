// Who listens: read from the text of /proc/net/{tcp,tcp6,udp,udp6}.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/guest/configuration.h"

namespace seed::guest {

struct Listeners {                 // ports that something outside the machine can reach
    std::vector<uint16_t> v4, v6;  // v6: on an IPv6 address (:: serves both families)
};
// `text` of one table, `v6` its family; TCP must listen, UDP must be bound and answer to anybody (not connected to one peer).  Sockets
// on loopback addresses do not count.
void add_listeners(std::string_view text, bool v6, bool udp, Listeners &into);

struct Readiness {
    bool ready = true;                // every exposed TCP port listens
    std::vector<uint16_t> missing;    // TCP ports that do not
    std::vector<uint16_t> ipv4_only;  // exposed TCP ports that listen on IPv4 only
    std::vector<uint16_t> ipv4_only_udp;  // exposed UDP ports that are bound on IPv4 only
    bool operator==(const Readiness &) const = default;
};
Readiness judge(const std::vector<Expose> &expose, const Listeners &tcp, const Listeners &udp);

}  // namespace seed::guest
