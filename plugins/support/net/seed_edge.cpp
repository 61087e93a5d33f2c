// seed-edge: carries what nftables cannot.  Started by seed-net (edge_link.h says what is told on descriptor 3), already in its
// cage.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <seed/util/frame.h>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "plugins/support/net/relay.h"
#include "plugins/support/net/resolver.h"
#include "plugins/support/net/state_json.h"
#include "plugins/support/net/udp_relay.h"

namespace {

using namespace seed;
using namespace seed::net;
using nlohmann::json;

// What may be carried at once: a connection has two descriptors, a conversation of UDP one.
struct Room {
    size_t connections = 256, conversations = 256;
};

Room room() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const size_t reserved = 2048 + 64;  // the resolver's sockets and ours
    if (limit.rlim_cur <= 2 * reserved) return {};
    const size_t descriptors = limit.rlim_cur - reserved;
    return {descriptors * 3 / 8, descriptors / 4};
}

class Edge {
public:
    Edge()
        : control_(3), relay_(loop_, room().connections), udp_relay_(loop_, room().conversations), resolver_(loop_, UniqueFd(4)) {
        loop_.watch(control_.get(), EPOLLIN, [this](uint32_t) { obey(); });
    }
    void run() {
        loop_.run([this] { relay_.tick(), udp_relay_.tick(), resolver_.tick(); });
    }

private:
    void obey() {
        auto frame = receive_frame(control_.get());
        if (!frame) return loop_.stop();
        const json order = json::parse(frame->body);
        if (order.at("op") == "add") {
            if (frame->descriptors.size() != 1) throw Failure(Code::invalid, "no socket");
            const std::string kind = order.at("kind");
            UniqueFd socket = std::move(frame->descriptors[0]);
            if (kind == "udp")
                resolver_.add_udp(std::move(socket));
            else if (kind == "tcp")
                resolver_.add_tcp(std::move(socket));
            else if (kind == "udp relay")
                udp_relay_.add(order.at("key"), std::move(socket));
            else
                relay_.add(order.at("key"), std::move(socket));
        } else {
            std::map<std::string, RelayTarget> targets;
            for (const auto &[key, target] : order.at("targets").items())
                targets[key] = {{parse_address(target.at("address").get<std::string>()).value(), target.at("port")},
                                target.at("tenant")};
            const Address source = parse_address6(order.at("source").get<std::string>()).value();
            relay_.set_targets(targets, source);
            udp_relay_.set_targets(std::move(targets), source);
            resolver_.set_state(state_from_json(order.at("state")));
        }
        send_frame(control_.get(), R"({"ok":true})");
    }

    EventLoop loop_;
    UniqueFd control_;
    Relay relay_;
    UdpRelay udp_relay_;
    Resolver resolver_;
};

}  // namespace

int main() try {
    if (fcntl(3, F_GETFD) < 0 || fcntl(4, F_GETFD) < 0) {
        fprintf(stderr, "seed-edge: started by seed-net only\n");
        return 2;
    }
    Edge().run();
    return 0;
} catch (const std::exception &error) {
    fprintf(stderr, "seed-edge: %s\n", error.what());
    return 1;
}
