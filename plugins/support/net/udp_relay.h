// UDP datagrams carried from a bound socket to a target and back: loopback ports of the host, and guests that know IPv4 only.
//
// UDP has no connections, so a conversation is one client's address and port at one of our sockets.  Each has a socket of its own
// towards the target: by it the answers find their client.  It ends after two minutes of silence (what connection tracking grants
// a stream), when its target moves, or when room is needed: then the longest silent one of the tenant with the most of them goes,
// so that nobody is refused and nobody's flood ends another's conversations.
#pragma once
#include <chrono>
#include <list>
#include <map>
#include <string>

#include "plugins/support/net/address.h"
#include "plugins/support/net/event_loop.h"
#include "plugins/support/net/relay.h"

namespace seed::net {

class UdpRelay {
public:
    UdpRelay(EventLoop &loop, size_t conversation_limit) : loop_(loop), limit_(conversation_limit) {}
    void add(const std::string &key, UniqueFd socket);
    // Closes sockets without a target, and conversations whose target is another one now.  `source`: what IPv6 datagrams come
    // from.
    void set_targets(std::map<std::string, RelayTarget> targets, const Address &source);
    void tick();

private:
    using Clock = std::chrono::steady_clock;
    struct Conversation {
        std::string key;
        Endpoint client, target;
        UniqueFd socket;
        uint64_t watch = 0;
        Clock::time_point last;
    };
    using Conversations = std::list<Conversation>;  // the longest silent one first
    struct Listener {
        UniqueFd socket;
        uint64_t watch;
    };

    void read_clients(const std::string &key);
    void read_target(uint32_t tenant, Conversations::iterator conversation);
    Conversation *conversation_of(const std::string &key, const Endpoint &client);
    void make_room(uint32_t tenant);
    void end(uint32_t tenant, Conversations::iterator conversation);

    EventLoop &loop_;
    size_t limit_;
    std::map<std::string, Listener> listeners_;
    std::map<std::string, RelayTarget> targets_;
    Address source_;
    std::map<uint32_t, Conversations> conversations_;  // by tenant
    std::map<std::pair<std::string, Endpoint>, Conversations::iterator> by_client_;
};

}  // namespace seed::net
