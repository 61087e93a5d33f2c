// TCP sockets that listen: opened, described, checked.  seedd opens them from its configuration, seed-front alone accepts from them.
#pragma once
#include <cstdint>
#include <string>

#include <seed/util/fd.h>

namespace seed::front {

struct Address {
    std::string host;   // IPv4 or IPv6 text
    uint16_t port = 0;  // 0: a free one
    std::string text() const;  // "127.0.0.1:22", "[::]:22"
    bool operator==(const Address &) const = default;
};
Address parse_address(const std::string &text);  // as text() writes it; throws Failure(invalid)

// Bound and listening, blocking, close-on-exec.  Failure(unavailable) names the address and what may be in the way.
UniqueFd listen_on(const Address &address);

// Where a descriptor listens, as the kernel says.  Failure(invalid) for anything but a TCP socket that listens.
Address listening_address(int fd);

// Whether a socket that listens `here` is what `wanted` asks for; any port will do where it asks for a free one.
bool serves(const Address &here, const Address &wanted);

}  // namespace seed::front
