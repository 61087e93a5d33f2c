// The runtime's side of seed-net: taps for virtual machines, and the whole network state in one call.
//
// `seed-net --state DIR` listens on DIR/net.sock; every call here is one connection with one request, so a NetClient may be used
// by several threads and survives a restart of seed-net.  All calls throw Failure: `unavailable` when seed-net cannot be reached,
// `invalid` with the field's name when a value is refused (nothing was changed then).  docs/network.md has the whole picture.
//
// Addresses, by subnet of the platform's /48 (`prefix6`, such as "fd5e:ed00:1::/48"):
//   PREFIX:0::53          the resolver, beside 169.254.0.1      PREFIX:1::/64   service addresses
//   PREFIX:2:: and above  addresses of boots; their IPv4 addresses are from 100.64.0.0/10
// The guest's side: ADDRESS6/128, default via fe80::1; ADDRESS4/32, 169.254.0.1 on link, default via 169.254.0.1.
#pragma once
#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/fd.h>

namespace seed {

struct TapRequest {
    std::string name;      // "tap" and 1-12 of [a-z0-9]; the interface in the platform's namespace
    uint32_t tenant = 0;   // never 0; the same number for all that may reach each other directly
    std::string address6;  // of this boot, within prefix6 but not in its subnets 0 and 1
    std::string address4;  // of this boot, within 100.64.0.0/10
};

struct NetVm {  // a tap that may send: anything not listed in the state is silenced
    std::string tap;
    uint32_t tenant = 0;
    std::string address6, address4;
};

struct NetPort {
    uint16_t port = 0;
    bool udp = false;
    bool ipv4_only = false;  // the guest listens on 0.0.0.0 only: carried by seed-edge
};

struct NetService {
    uint32_t tenant = 0;
    std::string address;  // the stable service address, in PREFIX:1::/64
    std::string address6,
        address4;                // of the boot that serves it now; both empty: every port answers "connection refused" at once
    std::vector<NetPort> ports;  // reachable for every tenant and from loopback forwards
    // Lower case.  Within the zone ("web.s-abc.seed.example.net"): answered to all tenants; others ("api"): only to this tenant.
    std::vector<std::string> names;
};

struct NetForward {  // a port of the host, listen:host_port, leads to [address]:port of the platform
    uint16_t host_port = 0;
    std::string address;  // a service address
    uint16_t port = 0;
    bool udp = false;  // one host port may lead to both protocols: two forwards
    std::string listen = "127.0.0.1";  // an address of the host's, IPv4 or IPv6; an IPv6 one need not be assigned yet
};
struct NetRefusal {  // a forward that could not be had
    std::string listen;
    uint16_t host_port = 0;
    bool udp = false;
    std::string reason;
};

struct NetworkState {
    std::string prefix6;  // "fd5e:ed00:1::/48"
    std::vector<NetVm> vms;
    std::vector<NetService> services;
    std::vector<NetForward> forwards;
    std::string zone;        // "seed.example.net"; empty: none
    std::string dns_server;  // "127.0.0.1:5300" or "[::1]:53", seen from the host: answers for the zone; empty: none
};

class NetClient {
public:
    // `path` is DIR/net.sock.  Nothing is connected yet.
    explicit NetClient(std::string path, std::chrono::milliseconds patience = std::chrono::seconds(30));

    // {"version","pid","user":bool,"uplink":"pasta"|"none","remarks":["..."],"resolver4","resolver6"}
    nlohmann::json hello();
    // The tap's descriptor (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, header 12 bytes), addresses and routes set.  The tap lives as
    // long as the descriptor and its copies.  A name still held by a dying QEMU is waited for (5 s), then Failure(conflict).  The
    // guest can send only after an apply() that lists it.
    UniqueFd tap(const TapRequest &request);
    // What a process must enter to be in the platform's network, in this order: user namespace (only when not root), network.
    std::vector<UniqueFd> namespaces();
    // Replaces everything at once; what is the same is not disturbed.  Connections to boots no longer listed are reset.
    // Returns remarks: parts that could not be had ("port 8080 of the host is taken: Address already in use").
    // `refused`: the forwards among them, when somebody wants to know.
    std::vector<std::string> apply(const NetworkState &state, std::vector<NetRefusal> *refused = nullptr);
    // How many TCP connections lead to the boot of these addresses and are not over.
    size_t connections(const std::string &address6, const std::string &address4);
    // Ask seed-net to end, and wait until its socket is gone.
    void quit();

private:
    std::string path_;
    std::chrono::milliseconds patience_;
};

}  // namespace seed
