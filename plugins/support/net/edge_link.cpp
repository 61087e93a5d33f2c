#include "plugins/support/net/edge_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "plugins/support/net/links.h"
#include "plugins/support/net/rules.h"
#include "plugins/support/net/state_json.h"

namespace seed::net {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

std::string forward_key(const NetForward &forward) {
    return (forward.udp ? "udp forward " : "forward ") + forward.listen + " " + std::to_string(forward.host_port);
}
std::string proxy_key(const ProxyPort &proxy) {
    return (proxy.udp ? "udp proxy " : "proxy ") + proxy.service + " " + std::to_string(proxy.port);
}

json targets_of(const NetworkState &state) {
    json targets = json::object();
    for (const NetForward &forward : state.forwards) {
        uint32_t tenant = 0;
        for (const NetService &service : state.services)
            if (service.address == forward.address) tenant = service.tenant;
        targets[forward_key(forward)] = {{"address", forward.address}, {"port", forward.port}, {"tenant", tenant}};
    }
    for (const ProxyPort &proxy : proxy_ports(state))
        targets[proxy_key(proxy)] = {{"address", proxy.guest4}, {"port", proxy.port}, {"tenant", proxy.tenant}};
    return targets;
}

}  // namespace

EdgeLink::Opened EdgeLink::open_listeners(const NetworkState &state) {
    Opened opened;
    std::vector<std::string> &remarks = opened.remarks;
    // Returns why it could not be had; empty: it is there.
    const auto need = [&](const std::string &key, const char *kind, const std::string &what, auto make) -> std::string {
        if (listeners_.contains(key)) return {};
        try {
            Listener listener{kind, make()};
            if (process_) tell(json{{"op", "add"}, {"key", key}, {"kind", kind}}.dump(), listener.socket.get());
            listeners_.emplace(key, std::move(listener));
        } catch (const Failure &failure) {
            remarks.push_back(what + ": " + failure.what());
            return failure.what();
        }
        return {};
    };
    const Address four = *parse_address4(resolver4), six = Prefix(state.prefix6).resolver();
    need("udp4", "udp", "resolver", [&] { return bind_udp({four, 53}, true); });
    need("tcp4", "tcp", "resolver", [&] { return listen_tcp({four, 53}, true); });
    need("udp " + six.text(), "udp", "resolver", [&] { return bind_udp({six, 53}, true); });
    need("tcp " + six.text(), "tcp", "resolver", [&] { return listen_tcp({six, 53}, true); });
    for (const NetForward &forward : state.forwards) {
        std::string what = std::string(forward.udp ? "UDP port " : "port ") + std::to_string(forward.host_port) + " of the host's " + forward.listen;
        std::string reason = need(forward_key(forward), forward.udp ? "udp relay" : "relay", what,
                                  [&] { return host_.listen(forward.listen, forward.host_port, forward.udp); });
        if (!reason.empty()) opened.refused.push_back({forward.listen, forward.host_port, forward.udp, reason});
    }
    for (const ProxyPort &proxy : proxy_ports(state))
        need(
            proxy_key(proxy), proxy.udp ? "udp relay" : "relay",
            std::string("IPv4-only ") + (proxy.udp ? "UDP " : "") + "port " + std::to_string(proxy.port) + " of " + proxy.service,
            [&] {
                const Endpoint endpoint{*parse_address6(proxy.service), proxy.port};
                return proxy.udp ? bind_udp(endpoint, true) : listen_tcp(endpoint, true);
            });
    return opened;
}

void EdgeLink::configure(const NetworkState &state) {
    const json targets = targets_of(state);
    std::erase_if(listeners_,
                  [&](const auto &item) { return item.second.kind.ends_with("relay") && !targets.contains(item.first); });
    state_ = state;
    host_.set_dns_server(state.dns_server);
    if (process_)
        tell(json{{"op", "config"},
                  {"state", to_json(state)},
                  {"targets", targets},
                  {"source", Prefix(state.prefix6).resolver().text()}}
                 .dump());
}

void EdgeLink::tell(const std::string &body, int descriptor) {
    if (!process_) return;
    try {
        send_frame(control_.get(), body, descriptor >= 0 ? std::vector<int>{descriptor} : std::vector<int>{});
        if (!receive_frame(control_.get(), std::chrono::seconds(5))) throw Failure(Code::unavailable, "it has ended");
    } catch (const Failure &failure) {
        lost(failure.what());  // start() tells it everything again
    }
}

void EdgeLink::lost(const std::string &why) {
    dprintf(2, "seed-net: seed-edge is started again: %s\n", why.c_str());
    process_.reset();
    control_.reset();
    const bool died_young = Clock::now() - started_ < std::chrono::seconds(2);
    delay_ = died_young
                 ? std::clamp<std::chrono::milliseconds>(delay_ * 2, std::chrono::milliseconds(50), std::chrono::seconds(5))
                 : std::chrono::milliseconds(0);
    start_at_ = Clock::now() + delay_;
}

int EdgeLink::due() const {
    if (!start_at_) return -1;
    return int(std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(*start_at_ - Clock::now()).count()));
}

void EdgeLink::tend() {
    if (process_)
        if (auto status = process_->wait(std::chrono::milliseconds(0))) lost(status->to_string());
    if (start_at_ && Clock::now() >= *start_at_) start();
}

void EdgeLink::start() {
    start_at_.reset();
    started_ = Clock::now();
    try {
        SocketPair control = make_socket_pair();
        int channel[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel)) fail_errno("seed-edge: socketpair");
        UniqueFd host_end(channel[0]), edge_end(channel[1]);
        host_.connect_edge(host_end.get());
        SpawnOptions options;
        options.arguments = {program_directory() / "seed-edge"};
        options.descriptors = {{control.theirs.get(), 3}, {edge_end.get(), 4}, {2, 2}};
        options.cage = Cage{.open_files = 16384};
        if (own_uid_) options.cage->uid = uids::edge;
        process_ = Process::spawn(options);
        control_ = std::move(control.ours);
    } catch (const Failure &failure) {
        return lost(failure.what());
    }
    for (auto &[key, listener] : listeners_)
        tell(json{{"op", "add"}, {"key", key}, {"kind", listener.kind}}.dump(), listener.socket.get());
    if (process_ && !state_.prefix6.empty()) configure(NetworkState(state_));
}

}  // namespace seed::net
