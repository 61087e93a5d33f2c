// Where a box may connect to: which hosts, and which of the addresses they turn out to have.
#pragma once
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/async.h"

namespace seed::fetch {

struct Target {
    std::string host;  // lower case
    uint16_t port = 0;
    std::string text() const { return host + ":" + std::to_string(port); }
};

struct GateRules {
    bool any_host = false;                 // every host on port 443, as far as its address is public
    std::set<std::string> allowed;         // "HOST:PORT"
    // The operator's own word on where a host is ("HOST" or "HOST:PORT" to "ADDRESS:PORT"): DNS is not asked and the address may
    // be private.
    std::map<std::string, asio::ip::tcp::endpoint> addresses;
};

using Resolver = std::function<Task<std::vector<asio::ip::address>>(Target)>;  // throws Failure(unavailable)
Resolver system_resolver();

class Gate {
public:
    Gate(GateRules rules, Resolver resolver) : rules_(std::move(rules)), resolver_(std::move(resolver)) {}
    // The checked endpoints: what is connected to must be one of these, never the name again (it may resolve to something else the
    // next time).  Throws Failure(denied) with the reason.
    Task<std::vector<asio::ip::tcp::endpoint>> endpoints(Target target) const;

private:
    GateRules rules_;
    Resolver resolver_;
};

// "ADDRESS:PORT", IPv6 in brackets; throws Failure(invalid).
asio::ip::tcp::endpoint parse_endpoint(const std::string &text);

}  // namespace seed::fetch
