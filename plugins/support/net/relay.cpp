#include "plugins/support/net/relay.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <array>
#include <cerrno>

namespace seed::net {
namespace {

constexpr size_t tenant_limit = 1000, chunk = 1u << 16;
constexpr int rounds = 8;  // chunks for one connection before the next one has its turn
constexpr std::chrono::seconds connect_patience(10), idle_patience(3600), half_closed_patience(300);

std::array<char, chunk> scratch;  // one thread

void close_with_reset(UniqueFd &socket) {
    linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket.reset();
}

}  // namespace

void Relay::add(const std::string &key, UniqueFd listener) {
    if (listeners_.contains(key)) return;
    set_nonblocking(listener.get(), true);
    const uint64_t watch = loop_.watch(listener.get(), EPOLLIN, [this, key](uint32_t) { accept(key); });
    listeners_.emplace(key, Listener{std::move(listener), watch});
}

void Relay::set_targets(std::map<std::string, RelayTarget> targets, const Address &source) {
    targets_ = std::move(targets);
    source_ = source;
    std::erase_if(listeners_, [&](const auto &item) {
        if (targets_.contains(item.first)) return false;
        loop_.forget(item.second.watch);
        return true;
    });
}

void Relay::accept(const std::string &key) {
    UniqueFd client(accept4(listeners_.at(key).socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) return;
    const auto target = targets_.find(key);
    if (target == targets_.end() || connections_.size() >= limit_) return close_with_reset(client);
    const auto &[endpoint, tenant] = target->second;
    if (per_tenant_[tenant] >= tenant_limit) return close_with_reset(client);
    UniqueFd socket(::socket(endpoint.address.six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return close_with_reset(client);
    if (endpoint.address.six) {
        SocketAddress source = to_socket_address({source_, 0});
        if (bind(socket.get(), source.get(), source.size)) return close_with_reset(client);
    }
    SocketAddress address = to_socket_address(endpoint);
    if (connect(socket.get(), address.get(), address.size) && errno != EINPROGRESS) return close_with_reset(client);
    for (const int side : {client.get(), socket.get()}) {
        const int on = 1;
        setsockopt(side, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(side, SOL_TCP, TCP_NODELAY, &on, sizeof on);
    }
    const Handle connection = connections_.emplace(connections_.end());
    connection->client.socket = std::move(client);
    connection->target.socket = std::move(socket);
    connection->tenant = tenant;
    ++per_tenant_[tenant];
    connection->client.watch =
        loop_.watch(connection->client.socket.get(), 0, [this, connection](uint32_t events) { ready(connection, true, events); });
    connection->target.watch = loop_.watch(connection->target.socket.get(), EPOLLOUT,
                                           [this, connection](uint32_t events) { ready(connection, false, events); });
}

void Relay::ready(Handle connection, bool of_client, uint32_t events) {
    Connection &c = *connection;
    c.last = Clock::now();
    if (c.connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        if (of_client || getsockopt(c.target.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) || error || events & EPOLLERR)
            return close(connection, /*reset=*/true);
        c.connecting = false;
    } else if (events & EPOLLERR) {
        return close(connection, /*reset=*/true);
    }
    if (!move(c.client, c.target) || !move(c.target, c.client)) return close(connection, /*reset=*/true);
    if (c.client.told && c.target.told) return close(connection, /*reset=*/false);
    settle(connection);
}

bool Relay::move(Side &from, Side &to) {
    const auto give = [&](const char *data, size_t size) -> ssize_t {
        const ssize_t count = send(to.socket.get(), data, size, MSG_NOSIGNAL);
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count;
    };
    if (!to.pending.empty()) {
        const ssize_t count = give(to.pending.data(), to.pending.size());
        if (count < 0) return false;
        to.pending.erase(0, size_t(count));
    }
    for (int n = 0; n < rounds && to.pending.empty() && !from.ended; ++n) {
        const ssize_t count = recv(from.socket.get(), scratch.data(), chunk, 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (count < 0) return false;
        if (count == 0) {
            from.ended = true;
            break;
        }
        const ssize_t given = give(scratch.data(), size_t(count));
        if (given < 0) return false;
        to.pending.assign(scratch.data() + given, size_t(count - given));
    }
    if (to.pending.empty()) to.pending.shrink_to_fit();
    if (from.ended && to.pending.empty() && !to.told) {
        shutdown(to.socket.get(), SHUT_WR);
        to.told = true;
    }
    return true;
}

void Relay::settle(Handle connection) {
    Connection &c = *connection;
    const auto wish = [](const Side &side, const Side &other) -> uint32_t {
        return (!side.ended && other.pending.empty() ? uint32_t(EPOLLIN) : 0) | (side.pending.empty() ? 0 : uint32_t(EPOLLOUT));
    };
    for (auto [side, other] : {std::pair(&c.client, &c.target), std::pair(&c.target, &c.client)}) {
        if (side->ended && side->told)
            loop_.forget(side->watch);  // it would report its hang-up for ever while the other side is still slow
        else
            loop_.change(side->watch, wish(*side, *other));
    }
}

void Relay::close(Handle connection, bool reset) {
    for (Side *side : {&connection->client, &connection->target}) {
        loop_.forget(side->watch);
        if (reset) close_with_reset(side->socket);
    }
    if (--per_tenant_[connection->tenant] == 0) per_tenant_.erase(connection->tenant);
    connections_.erase(connection);
}

void Relay::tick() {
    const auto now = Clock::now();
    for (auto next = connections_.begin(); next != connections_.end();) {
        const Handle connection = next++;
        const auto patience = connection->connecting                                 ? connect_patience
                              : connection->client.ended || connection->target.ended ? half_closed_patience
                                                                                     : idle_patience;
        if (now - connection->last > patience) close(connection, /*reset=*/true);
    }
}

}  // namespace seed::net
