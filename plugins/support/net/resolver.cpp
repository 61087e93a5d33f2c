#include "plugins/support/net/resolver.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace seed::net {
namespace {

constexpr uint32_t local_ttl = 5;
constexpr std::chrono::seconds answer_patience(4), stream_patience(10), stock_age(30);
constexpr size_t pending_limit = 1024, pending_per_guest = 64, stream_limit = 256, streams_per_guest = 16, question_limit = 4096;
constexpr double forwards_per_second = 100, forward_burst = 200;

bool is_tcp(Upstream kind) {
    return kind == Upstream::host_tcp || kind == Upstream::zone_tcp;
}

uint16_t random_id() {
    uint16_t id;
    if (getrandom(&id, sizeof id, 0) != sizeof id) fail_errno("getrandom");
    return id;
}

bool in_zone(const std::string &name, const std::string &zone) {
    return !zone.empty() &&
           (name == zone || (name.size() > zone.size() && name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.'));
}

std::string with_length(const std::string &packet) {
    return std::string{char(packet.size() >> 8), char(packet.size() & 0xff)} + packet;
}

}  // namespace

Resolver::Resolver(EventLoop &loop, UniqueFd upstream) : loop_(loop), upstream_(std::move(upstream)) {
    set_nonblocking(upstream_.get(), true);
    loop_.watch(upstream_.get(), EPOLLIN, [this](uint32_t) { take_sockets(); });
}

void Resolver::add_udp(UniqueFd socket) {
    const int number = socket.get();
    set_nonblocking(number, true);
    loop_.watch(number, EPOLLIN, [this, number](uint32_t) { read_udp(number); });
    sockets_.push_back(std::move(socket));
}

void Resolver::add_tcp(UniqueFd listener) {
    const int number = listener.get();
    set_nonblocking(number, true);
    loop_.watch(number, EPOLLIN, [this, number](uint32_t) { accept_tcp(number); });
    sockets_.push_back(std::move(listener));
}

void Resolver::set_state(const NetworkState &state) {
    tenants_.clear();
    global_.clear();
    bare_.clear();
    zone_ = state.zone;
    if (dns_server_ != state.dns_server) {
        dns_server_ = state.dns_server;
        stock_[Upstream::zone_udp].clear();  // these lead to the old one
    }
    for (const NetVm &vm : state.vms) {
        tenants_[*parse_address6(vm.address6)] = vm.tenant;
        tenants_[*parse_address4(vm.address4)] = vm.tenant;
    }
    for (const NetService &service : state.services)
        for (const std::string &name : service.names) {
            if (in_zone(name, zone_))
                global_[name] = *parse_address6(service.address);
            else
                bare_[{service.tenant, name}] = *parse_address6(service.address);
        }
    std::erase_if(guests_, [&](const auto &item) {
        return !tenants_.contains(item.first) && !item.second.pending && !item.second.streams;
    });
}

void Resolver::read_udp(int socket) {
    for (int n = 0; n < 32; ++n) {
        std::array<char, 1500> buffer;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        const ssize_t count =
            recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC, reinterpret_cast<sockaddr *>(&from), &size);
        if (count < 0) return;
        if (size_t(count) > buffer.size()) continue;
        const Endpoint guest = from_socket_address(from);
        ask({buffer.data(), size_t(count)}, guest.address, /*tcp=*/false, [socket, from, size](const std::string &packet) {
            sendto(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr *>(&from),
                   size);
        });
    }
}

void Resolver::ask(std::string_view packet, const Address &guest, bool tcp, const Reply &reply) {
    auto question = dns::parse_question(packet);
    if (!question) {
        if (auto refusal = dns::refusal_for_garbage(packet)) return reply(*refusal);
        return reply({});
    }
    const auto tenant = tenants_.find(guest);
    if (tenant == tenants_.end() || question->klass != 1) return reply(dns::make_answer(*question, dns::Result::refused, {}, 0));
    const Address *address = nullptr;
    if (auto found = bare_.find({tenant->second, question->name}); found != bare_.end())
        address = &found->second;
    else if (auto other = global_.find(question->name); other != global_.end())
        address = &other->second;
    if (address) {
        const bool wanted = question->type == uint16_t(dns::Type::aaaa);
        return reply(
            dns::make_answer(*question, dns::Result::ok, wanted ? std::vector{*address} : std::vector<Address>{}, local_ttl));
    }
    if (question->name.find('.') == std::string::npos && !question->name.empty())
        return reply(dns::make_answer(*question, dns::Result::no_such_name, {}, 0));
    forward(std::move(*question), guest, tcp, reply);
}

void Resolver::forward(dns::Question question, const Address &guest, bool tcp, const Reply &reply) {
    Guest &state = guests_[guest];
    const auto now = Clock::now();
    const double passed = std::chrono::duration<double>(now - state.filled).count();
    state.tokens = std::min(forward_burst, state.tokens + passed * forwards_per_second);
    state.filled = now;
    if (state.tokens < 1 || state.pending >= pending_per_guest || pending_.size() + waiting_.size() >= pending_limit)
        return reply(dns::make_answer(question, dns::Result::refused, {}, 0));
    state.tokens -= 1;
    ++state.pending;
    const bool zone = in_zone(question.name, zone_) && !dns_server_.empty();
    Pending pending{.question = std::move(question), .id = random_id(), .guest = guest, .reply = reply, .tcp = tcp};
    pending.kind = zone ? (tcp ? Upstream::zone_tcp : Upstream::zone_udp) : (tcp ? Upstream::host_tcp : Upstream::host_udp);
    pending.deadline = now + answer_patience;
    const Upstream kind = pending.kind;
    auto &stock = stock_[kind];
    if (stock.empty()) {
        waiting_.push_back(std::move(pending));
    } else {
        UniqueFd socket = std::move(stock.front());
        stock.pop_front();
        pending_.push_back(std::move(pending));
        send_out(std::prev(pending_.end()), std::move(socket));
    }
    if (stock_[kind].size() < 4) want_sockets(kind);
}

void Resolver::want_sockets(Upstream kind) {
    if (asked_[kind]) return;
    const char letter = char(kind);
    if (send(upstream_.get(), &letter, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) asked_[kind] = true;
}

void Resolver::take_sockets() {
    char letter = 0;
    iovec part{&letter, 1};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * upstream_batch)];
    msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    const ssize_t count = recvmsg(upstream_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (count == 0) return loop_.stop();  // the host side is gone, and seed-net with it
    if (count < 0) return;
    const Upstream kind{letter};
    std::deque<UniqueFd> fresh;
    for (cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        for (size_t n = 0; n < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++n) {
            int number;
            memcpy(&number, CMSG_DATA(head) + n * sizeof(int), sizeof number);
            fresh.emplace_back(number);
        }
    }
    asked_[kind] = false;
    const bool nobody = fresh.empty();
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const PendingHandle pending = next++;
        if (pending->kind != kind) continue;
        pending_.splice(pending_.end(), waiting_, pending);
        if (!fresh.empty()) {
            UniqueFd socket = std::move(fresh.front());
            fresh.pop_front();
            send_out(pending, std::move(socket));
        } else if (nobody) {
            give_up(pending);
        } else {
            waiting_.splice(waiting_.begin(), pending_, pending);
            want_sockets(kind);
        }
    }
    stocked_ = Clock::now();
    if (!is_tcp(kind))
        for (auto &socket : fresh) stock_[kind].push_back(std::move(socket));
}

void Resolver::send_out(PendingHandle pending, UniqueFd socket) {
    pending->socket = std::move(socket);
    const std::string query = dns::make_query(pending->question, pending->id);
    if (pending->tcp)
        pending->out = with_length(query);
    else if (send(pending->socket.get(), query.data(), query.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return give_up(pending);
    pending->watch = loop_.watch(pending->socket.get(), pending->tcp ? EPOLLOUT : EPOLLIN,
                                 [this, pending](uint32_t events) { upstream_ready(pending, events); });
}

void Resolver::upstream_ready(PendingHandle pending, uint32_t events) {
    static std::array<char, 65536> buffer;  // one thread
    if (events & EPOLLERR) return give_up(pending);
    if (!pending->tcp) {
        const ssize_t count = recv(pending->socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) return;
        if (count < 0) return give_up(pending);
        if (auto answer = dns::accept_answer({buffer.data(), size_t(count)}, pending->question, pending->id,
                                             pending->question.answer_limit))
            finish(pending, *answer);
        return;  // anything else came from somebody who guesses: wait on
    }
    if (!pending->out.empty()) {
        const ssize_t count = send(pending->socket.get(), pending->out.data(), pending->out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) return give_up(pending);
        if (count > 0) pending->out.erase(0, size_t(count));
        if (pending->out.empty()) loop_.change(pending->watch, EPOLLIN);
        return;
    }
    const ssize_t count = recv(pending->socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return give_up(pending);
    pending->in.append(buffer.data(), size_t(count));
    if (pending->in.size() < 2) return;
    const size_t size = size_t(uint8_t(pending->in[0])) << 8 | uint8_t(pending->in[1]);
    if (pending->in.size() < 2 + size) return;
    if (auto answer = dns::accept_answer(std::string_view(pending->in).substr(2, size), pending->question, pending->id, 65535))
        return finish(pending, *answer);
    give_up(pending);
}

void Resolver::finish(PendingHandle pending, const std::string &packet) {
    if (pending->watch) loop_.forget(pending->watch);
    if (auto guest = guests_.find(pending->guest); guest != guests_.end()) --guest->second.pending;
    const Reply reply = std::move(pending->reply);
    pending_.erase(pending);
    reply(packet);
}

void Resolver::give_up(PendingHandle pending) {
    finish(pending, dns::make_answer(pending->question, dns::Result::server_failure, {}, 0));
}

void Resolver::accept_tcp(int listener) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    UniqueFd socket(accept4(listener, reinterpret_cast<sockaddr *>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    const Endpoint guest = from_socket_address(from);
    if (!tenants_.contains(guest.address) || streams_.size() >= stream_limit) return;
    Guest &state = guests_[guest.address];
    if (state.streams >= streams_per_guest) return;
    ++state.streams;
    const StreamHandle stream = streams_.emplace(streams_.end());
    stream->socket = std::move(socket);
    stream->guest = guest;
    stream->deadline = Clock::now() + stream_patience;
    stream->watch = loop_.watch(stream->socket.get(), EPOLLIN, [this, stream](uint32_t events) { stream_ready(stream, events); });
}

void Resolver::stream_ready(StreamHandle stream, uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) return close_stream(stream);
    if (events & EPOLLIN) {
        std::array<char, question_limit> buffer;
        const ssize_t count = recv(stream->socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return close_stream(stream);
        if (count > 0) stream->in.append(buffer.data(), size_t(count));
    }
    stream_work(stream);
}

// Sends what is ready, then takes the next question.  May close the stream.
void Resolver::stream_work(StreamHandle stream) {
    for (;;) {
        if (!stream->out.empty()) {
            const ssize_t count = send(stream->socket.get(), stream->out.data(), stream->out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (count < 0 && errno != EAGAIN && errno != EINTR) return close_stream(stream);
            if (count > 0) stream->out.erase(0, size_t(count));
        }
        if (!stream->out.empty() || stream->busy) break;
        if (stream->in.size() < 2) break;
        const size_t size = size_t(uint8_t(stream->in[0])) << 8 | uint8_t(stream->in[1]);
        if (size < 12 || size > question_limit) return close_stream(stream);
        if (stream->in.size() < 2 + size) break;
        const std::string packet = stream->in.substr(2, size);
        stream->in.erase(0, 2 + size);
        stream->deadline = Clock::now() + stream_patience;
        stream->busy = true;
        // The answer may come now or when the stream is long closed: its watch number tells.
        const uint64_t watch = stream->watch;
        auto asking = std::make_shared<bool>(true);
        ask(packet, stream->guest.address, /*tcp=*/true, [this, watch, asking](const std::string &answer) {
            for (auto found = streams_.begin(); found != streams_.end(); ++found) {
                if (found->watch != watch) continue;
                found->busy = false;
                if (answer.empty()) {
                    found->deadline = Clock::time_point();  // the tick closes it
                    return;
                }
                found->out += with_length(answer);
                if (!*asking) stream_work(found);
                return;
            }
        });
        *asking = false;
    }
    loop_.change(stream->watch, (stream->busy || !stream->out.empty() ? 0u : uint32_t(EPOLLIN)) |
                                    (stream->out.empty() ? 0u : uint32_t(EPOLLOUT)));
}

void Resolver::close_stream(StreamHandle stream) {
    loop_.forget(stream->watch);
    if (auto guest = guests_.find(stream->guest.address); guest != guests_.end()) --guest->second.streams;
    streams_.erase(stream);
}

void Resolver::tick() {
    const auto now = Clock::now();
    if (now - stocked_ > stock_age)
        for (auto &[kind, sockets] : stock_) sockets.clear();
    for (auto next = pending_.begin(); next != pending_.end();) {
        const PendingHandle pending = next++;
        if (now > pending->deadline) give_up(pending);
    }
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const PendingHandle pending = next++;
        if (now <= pending->deadline) continue;
        pending_.splice(pending_.end(), waiting_, pending);
        give_up(pending);
    }
    for (auto next = streams_.begin(); next != streams_.end();) {
        const StreamHandle stream = next++;
        if (now > stream->deadline) close_stream(stream);
    }
}

}  // namespace seed::net
