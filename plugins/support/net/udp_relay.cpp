#include "plugins/support/net/udp_relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace seed::net {
namespace {

constexpr size_t tenant_limit = 1000;
constexpr int rounds = 32;  // datagrams of one socket before the next one has its turn
constexpr std::chrono::seconds idle_patience(120);

std::array<char, 1u << 16> scratch;  // one thread; longer datagrams do not exist

// A datagram may be lost, so none is kept back.  What an earlier one met (a port nobody listens on) is told by the next send: it
// is not about this datagram.
void pass_on(int socket, size_t size) {
    if (send(socket, scratch.data(), size, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
        send(socket, scratch.data(), size, MSG_NOSIGNAL);
}

}  // namespace

void UdpRelay::add(const std::string &key, UniqueFd socket) {
    if (listeners_.contains(key)) return;
    set_nonblocking(socket.get(), true);
    const uint64_t watch = loop_.watch(socket.get(), EPOLLIN, [this, key](uint32_t) { read_clients(key); });
    listeners_.emplace(key, Listener{std::move(socket), watch});
}

void UdpRelay::set_targets(std::map<std::string, RelayTarget> targets, const Address &source) {
    targets_ = std::move(targets);
    source_ = source;
    std::vector<std::pair<uint32_t, Conversations::iterator>> moved;
    for (auto &[tenant, all] : conversations_)
        for (auto conversation = all.begin(); conversation != all.end(); ++conversation) {
            const auto target = targets_.find(conversation->key);
            if (target == targets_.end() || target->second.endpoint != conversation->target || target->second.tenant != tenant)
                moved.emplace_back(tenant, conversation);
        }
    for (const auto &[tenant, conversation] : moved) end(tenant, conversation);
    std::erase_if(listeners_, [&](const auto &item) {
        if (targets_.contains(item.first)) return false;
        loop_.forget(item.second.watch);
        return true;
    });
}

void UdpRelay::read_clients(const std::string &key) {
    for (int n = 0; n < rounds; ++n) {
        SocketAddress from{.size = sizeof(sockaddr_storage)};
        const ssize_t size = recvfrom(listeners_.at(key).socket.get(), scratch.data(), scratch.size(), 0, from.get(), &from.size);
        if (size < 0) return;
        if (Conversation *conversation = conversation_of(key, from_socket_address(from.storage)))
            pass_on(conversation->socket.get(), size_t(size));
    }
}

// None: there is nobody to carry it to, or the system refuses a socket; the datagram is lost, as datagrams may be.
UdpRelay::Conversation *UdpRelay::conversation_of(const std::string &key, const Endpoint &client) {
    const auto target = targets_.find(key);
    if (target == targets_.end()) return nullptr;
    const auto &[endpoint, tenant] = target->second;
    if (const auto found = by_client_.find({key, client}); found != by_client_.end()) {
        Conversations &all = conversations_.at(tenant);
        all.splice(all.end(), all, found->second);
        found->second->last = Clock::now();
        return &*found->second;
    }
    UniqueFd socket(::socket(endpoint.address.six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return nullptr;
    if (endpoint.address.six) {
        SocketAddress source = to_socket_address({source_, 0});
        if (bind(socket.get(), source.get(), source.size)) return nullptr;
    }
    SocketAddress address = to_socket_address(endpoint);
    if (connect(socket.get(), address.get(), address.size)) return nullptr;
    make_room(tenant);
    Conversations &all = conversations_[tenant];
    const auto made = all.insert(all.end(), Conversation{key, client, endpoint, std::move(socket), 0, Clock::now()});
    made->watch = loop_.watch(made->socket.get(), EPOLLIN, [this, tenant, made](uint32_t) { read_target(tenant, made); });
    by_client_.emplace(std::pair(key, client), made);
    return &*made;
}

void UdpRelay::read_target(uint32_t tenant, Conversations::iterator conversation) {
    for (int n = 0; n < rounds; ++n) {
        const ssize_t size = recv(conversation->socket.get(), scratch.data(), scratch.size(), 0);
        if (size < 0 && errno == ECONNREFUSED) continue;  // nobody listens there: the client hears nothing, and may try again
        if (size < 0) return;
        Conversations &all = conversations_.at(tenant);
        all.splice(all.end(), all, conversation);
        conversation->last = Clock::now();
        SocketAddress client = to_socket_address(conversation->client);
        sendto(listeners_.at(conversation->key).socket.get(), scratch.data(), size_t(size), MSG_NOSIGNAL, client.get(),
               client.size);
    }
}

void UdpRelay::make_room(uint32_t tenant) {
    if (const auto own = conversations_.find(tenant); own != conversations_.end() && own->second.size() >= tenant_limit)
        end(tenant, own->second.begin());
    while (by_client_.size() >= limit_) {
        const auto most = std::max_element(conversations_.begin(), conversations_.end(),
                                           [](const auto &a, const auto &b) { return a.second.size() < b.second.size(); });
        end(most->first, most->second.begin());
    }
}

void UdpRelay::end(uint32_t tenant, Conversations::iterator conversation) {
    loop_.forget(conversation->watch);
    by_client_.erase({conversation->key, conversation->client});
    Conversations &all = conversations_.at(tenant);
    all.erase(conversation);
    if (all.empty()) conversations_.erase(tenant);
}

void UdpRelay::tick() {
    const auto now = Clock::now();
    for (auto tenant = conversations_.begin(); tenant != conversations_.end();) {
        const uint32_t number = tenant->first;
        Conversations &all = tenant++->second;  // end() forgets a tenant without any
        size_t count = all.size();
        while (count > 0 && now - all.front().last > idle_patience) --count, end(number, all.begin());
    }
}

}  // namespace seed::net
