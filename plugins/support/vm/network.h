// This runtime's part of the platform's network: seed-net is started, found again, and told the whole state.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <seed/plugin.hpp>

#include "plugins/support/vm/machines.h"
#include "plugins/support/net/net_client.h"

namespace seed::vm {

struct NetworkSettings {
    std::filesystem::path state;  // STATE of the plugin
    std::string prefix6, zone, dns;
    uint16_t first_port = 0, last_port = 0;  // of the host's loopback; 0: none
};

// Not thread-safe: the plugin's mutex is around it.
class Network {
public:
    // What a power failure left of a publication that nobody waited for is removed: the platform sends each one again when it starts.
    Network(NetworkSettings settings, const plugin::Host &host);
    std::string socket() const { return (settings_.state / "net" / "net.sock").string(); }
    // seed-net's greeting; starts it when nobody answers.
    json ensure(const std::vector<Machine> &machines);
    // Returns the ports of the host that could not be had.  Unchanged::skip: what the seed-net that greeted last has taken as a whole is not
    // sent again; for publications, of which a start brings one for each tenant.
    enum class Unchanged { send, skip };
    std::vector<NetRefusal> apply(const std::vector<Machine> &machines, Unchanged unchanged = Unchanged::send);
    // The machines listen otherwise than the network was told last: another port only on IPv4, or no longer.
    bool outdated(const std::vector<Machine> &machines) const { return applied_ != listening(machines); }
    void quit();  // ends seed-net and all it started; of nothing succeeds
    void publish(const runtime::PublishRequest &request);  // remembered; apply() makes it true
    std::vector<runtime::Forward> forwards(const std::string &ns) const;
    // What became of the routes in `request`, after apply() has `refused` some ports.
    static std::vector<runtime::RouteReport> routes(const runtime::PublishRequest &request, const std::vector<NetRefusal> &refused);
    uint32_t tenant(const std::string &ns);  // a small number for ever, never 0

private:
    using Listening = std::map<std::string, std::pair<std::vector<uint16_t>, std::vector<uint16_t>>>;  // by handle: TCP, UDP
    static Listening listening(const std::vector<Machine> &machines);
    std::vector<runtime::PublishRequest> publications() const;
    std::map<std::string, uint16_t> forward_ports() const;  // "INSTANCE PORT" to the host's port, of TCP and UDP; also of who rests
    // A free port of the range, if need be one of a service that rests, which then loses it; 0 when there is none.
    uint16_t choose_port(std::map<std::string, uint16_t> &ports, const std::function<bool(const std::string &)> &rests) const;

    NetworkSettings settings_;
    const plugin::Host &host_;
    Listening applied_;
    int64_t pid_ = 0;    // of the seed-net that greeted last; 0: none did
    std::pair<int64_t, std::string> taken_;   // by which seed-net, and the state that it took without a word
};

}  // namespace seed::vm
