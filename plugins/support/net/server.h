// DIR/net.sock: takes the requests of net_client.h, one at a time, from the platform's own user only.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include <seed/util/frame.h>
#include <nlohmann/json_fwd.hpp>

#include "plugins/support/net/edge_link.h"
#include "plugins/support/net/host_side.h"
#include "plugins/support/net/live_connections.h"

namespace seed::net {

struct ServerSettings {
    std::filesystem::path directory;
    bool user = false;     // not root: a user namespace around everything
    bool adopted = false;  // the namespace was there before us, and guests in it
    bool uplink = true;
};

class Server {
public:
    Server(ServerSettings settings, HostSide host);
    void serve();  // until told to quit, SIGTERM, or the directory is gone

private:
    struct Client {
        UniqueFd socket;
        std::optional<TapRequest> tap;  // waiting for a name to become free
        std::chrono::steady_clock::time_point deadline{};
    };
    void take_request(Client &client);
    void try_tap(Client &client);
    nlohmann::json apply(NetworkState state);
    void check_against_state(const TapRequest &request) const;
    void silence(const TapRequest &request);
    nlohmann::json hello();
    bool directory_is_ours() const;

    ServerSettings settings_;
    HostSide host_;
    EdgeLink edge_;
    UniqueFd listener_;
    std::vector<Client> clients_;
    NetworkState state_;  // the last applied
    std::string rules_;   // what the kernel has
    std::optional<LiveConnections> live_;   // the kernel has no connection but of these; none: not looked at yet
    std::pair<uint64_t, uint64_t> inode_;
    bool quit_ = false;
};

}  // namespace seed::net
