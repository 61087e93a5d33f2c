// TCP bytes carried from a listening socket to a target: loopback ports of the host, and guests that know IPv4 only.
// Half-closed connections stay open in the other direction; a reset on one side becomes a reset on the other.
#pragma once
#include <chrono>
#include <list>
#include <map>
#include <string>

#include "plugins/support/net/address.h"
#include "plugins/support/net/event_loop.h"

namespace seed::net {

struct RelayTarget {
    Endpoint endpoint;
    uint32_t tenant = 0;
};

class Relay {
public:
    Relay(EventLoop &loop, size_t connection_limit) : loop_(loop), limit_(connection_limit) {}
    void add(const std::string &key, UniqueFd listener);
    // Closes listeners without a target (open connections stay).  `source`: what IPv6 connections come from.
    void set_targets(std::map<std::string, RelayTarget> targets, const Address &source);
    void tick();

private:
    using Clock = std::chrono::steady_clock;
    struct Side {
        UniqueFd socket;
        uint64_t watch = 0;
        std::string pending;  // read from the other side, not yet taken by this one
        bool ended = false;   // sent its end of stream
        bool told = false;    // we sent it ours
    };
    struct Connection {
        Side client, target;
        bool connecting = true;
        uint32_t tenant = 0;
        Clock::time_point last = Clock::now();
    };
    using Handle = std::list<Connection>::iterator;
    struct Listener {
        UniqueFd socket;
        uint64_t watch;
    };

    void accept(const std::string &key);
    void ready(Handle connection, bool of_client, uint32_t events);
    bool move(Side &from, Side &to);  // false: broken
    void settle(Handle connection);
    void close(Handle connection, bool reset);

    EventLoop &loop_;
    size_t limit_;
    std::map<std::string, Listener> listeners_;
    std::map<std::string, RelayTarget> targets_;
    Address source_;
    std::list<Connection> connections_;
    std::map<uint32_t, size_t> per_tenant_;
};

}  // namespace seed::net
