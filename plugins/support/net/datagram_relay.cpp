#include "plugins/support/net/datagram_relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace seed::net {
namespace {

constexpr std::chrono::seconds idle_patience(60);
constexpr int rounds = 32;   // datagrams of one socket before the next one has its turn

std::array<char, 65536> scratch;   // one thread

}  // namespace

void DatagramRelay::add(const std::string &key, UniqueFd socket) {
    if (sockets_.contains(key)) return;
    set_nonblocking(socket.get(), true);
    const uint64_t watch = loop_.watch(socket.get(), EPOLLIN, [this, key](uint32_t) { from_clients(key); });
    sockets_.emplace(key, Socket{std::move(socket), watch});
}

void DatagramRelay::set_targets(std::map<std::string, RelayTarget> targets, const Address &source) {
    targets_ = std::move(targets);
    source_ = source;
    for (auto next = conversations_.begin(); next != conversations_.end();) {
        const auto one = next++;
        const auto target = targets_.find(std::get<0>(one->first));
        const Endpoint &was = one->second.target.endpoint;
        if (target == targets_.end() || target->second.endpoint.address != was.address || target->second.endpoint.port != was.port) end(one);
    }
    std::erase_if(sockets_, [&](const auto &item) {
        if (targets_.contains(item.first)) return false;
        loop_.forget(item.second.watch);
        return true;
    });
}

void DatagramRelay::from_clients(const std::string &key) {
    const auto target = targets_.find(key);
    const int socket = sockets_.at(key).socket.get();
    for (int n = 0; n < rounds; ++n) {
        SocketAddress from;
        from.size = sizeof from.storage;
        const ssize_t size = recvfrom(socket, scratch.data(), scratch.size(), 0, reinterpret_cast<sockaddr *>(&from.storage), &from.size);
        if (size < 0) return;
        if (target == targets_.end()) continue;
        const Endpoint client = from_socket_address(from.storage);
        Conversation *with = conversation({key, client.address, client.port}, target->second);
        if (!with) continue;
        with->last = Clock::now();
        with->client = client;
        // A full queue loses the datagram, as the network would.
        [[maybe_unused]] ssize_t sent = send(with->socket.get(), scratch.data(), size_t(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

DatagramRelay::Conversation *DatagramRelay::conversation(const Key &key, const RelayTarget &target) {
    if (auto known = conversations_.find(key); known != conversations_.end()) return &known->second;
    if (conversations_.size() >= limit_ || per_tenant_[target.tenant] >= std::max<size_t>(1, limit_ / 4)) return nullptr;
    const Endpoint &endpoint = target.endpoint;
    UniqueFd socket(::socket(endpoint.address.six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return nullptr;
    if (endpoint.address.six) {
        SocketAddress source = to_socket_address({source_, 0});
        if (bind(socket.get(), source.get(), source.size)) return nullptr;
    }
    SocketAddress address = to_socket_address(endpoint);
    if (connect(socket.get(), address.get(), address.size)) return nullptr;
    Conversation &made = conversations_[key];
    made.socket = std::move(socket);
    made.target = target;
    made.watch = loop_.watch(made.socket.get(), EPOLLIN, [this, key](uint32_t) { from_service(key); });
    ++per_tenant_[target.tenant];
    return &made;
}

void DatagramRelay::from_service(const Key &key) {
    const auto found = conversations_.find(key);
    if (found == conversations_.end()) return;
    Conversation &one = found->second;
    SocketAddress client = to_socket_address(one.client);
    for (int n = 0; n < rounds; ++n) {
        const ssize_t size = recv(one.socket.get(), scratch.data(), scratch.size(), 0);
        if (size < 0) return;   // nothing more, or a refusal, which the next datagram meets again
        one.last = Clock::now();
        [[maybe_unused]] ssize_t sent =
            sendto(sockets_.at(std::get<0>(key)).socket.get(), scratch.data(), size_t(size), MSG_NOSIGNAL | MSG_DONTWAIT, client.get(), client.size);
    }
}

void DatagramRelay::end(std::map<Key, Conversation>::iterator conversation) {
    loop_.forget(conversation->second.watch);
    const uint32_t tenant = conversation->second.target.tenant;
    if (--per_tenant_[tenant] == 0) per_tenant_.erase(tenant);
    conversations_.erase(conversation);
}

void DatagramRelay::tick() {
    const auto now = Clock::now();
    for (auto next = conversations_.begin(); next != conversations_.end();) {
        const auto one = next++;
        if (now - one->second.last > idle_patience) end(one);
    }
}

}  // namespace seed::net
