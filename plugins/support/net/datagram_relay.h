// UDP carried from a port of the host's to a service: public routes.
//
// Each client has a conversation: a socket of its own towards the service, so that answers find back.  A conversation ends after a
// minute without a datagram; a full table drops what is new, never what talks.  One thread.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <tuple>

#include "plugins/support/net/relay.h"

namespace seed::net {

class DatagramRelay {
public:
    DatagramRelay(EventLoop &loop, size_t conversation_limit) : loop_(loop), limit_(conversation_limit) {}
    void add(const std::string &key, UniqueFd socket);   // bound
    // Closes sockets without a target, with their conversations.  `source`: what IPv6 datagrams come from.
    void set_targets(std::map<std::string, RelayTarget> targets, const Address &source);
    void tick();

private:
    using Clock = std::chrono::steady_clock;
    using Key = std::tuple<std::string, Address, uint16_t>;   // of the socket, the client's address and port
    struct Socket {
        UniqueFd socket;
        uint64_t watch;
    };
    struct Conversation {
        UniqueFd socket;
        uint64_t watch = 0;
        RelayTarget target;
        Endpoint client;
        Clock::time_point last;
    };

    void from_clients(const std::string &key);
    void from_service(const Key &key);
    Conversation *conversation(const Key &key, const RelayTarget &target);   // null: there is no room, or no way
    void end(std::map<Key, Conversation>::iterator conversation);

    EventLoop &loop_;
    size_t limit_;
    std::map<std::string, Socket> sockets_;
    std::map<std::string, RelayTarget> targets_;
    Address source_;
    std::map<Key, Conversation> conversations_;
    std::map<uint32_t, size_t> per_tenant_;
};

}  // namespace seed::net
