// The door of a box: connections that are accepted from a socket listening in the box's own network namespace and carried on from
// here, where there is a network.
//
//   1. CONNECT HOST:PORT is read (connect_request.h), at most 8 KiB, within ten seconds.
//   2. The gate says which checked addresses that is (gate.h).
//   3. One of exactly these is connected to, and bytes are carried both ways until either side ends, nothing moved for
//      `idle`, or what came from outside is more than `bytes`, all connections together.
//
// A refusal is "HTTP/1.1 403 REASON" to the box and one line to `tell`.  TLS passes through: no byte is looked into.
#pragma once
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <functional>
#include <string>

#include "core/programs/seed-fetch-proxy/gate.h"

namespace seed::fetch {

struct ProxyLimits {
    uint64_t bytes = 1ull << 30;
    std::chrono::seconds idle{30};
    std::chrono::seconds connecting{15};
    unsigned connections = 64;  // more are closed at once
};

class Proxy {
public:
    // `tell`: "refused HOST:PORT: why" and "closed HOST:PORT: why".
    Proxy(Gate gate, ProxyLimits limits, std::function<void(std::string)> tell)
        : gate_(std::move(gate)), limits_(limits), tell_(std::move(tell)) {}
    Task<void> accept_all(asio::ip::tcp::acceptor acceptor);  // for ever

private:
    struct Tunnel;
    Task<void> serve(asio::ip::tcp::socket client);
    Task<void> carry(std::shared_ptr<Tunnel> tunnel);
    Task<void> pump(std::shared_ptr<Tunnel> tunnel, bool from_outside);
    Task<void> watch(std::shared_ptr<Tunnel> tunnel);
    Task<asio::ip::tcp::socket> connect(std::vector<asio::ip::tcp::endpoint> endpoints);

    Gate gate_;
    ProxyLimits limits_;
    std::function<void(std::string)> tell_;
    uint64_t received_ = 0;
    unsigned open_ = 0;
};

}  // namespace seed::fetch
