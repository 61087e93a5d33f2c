// The half of seed-net that stays in the host's network namespace.  It makes sockets there and hands them over, and keeps pasta
// running; it is PID 1 of a PID namespace, so that pasta never outlives it.  It speaks only with its two siblings:
//
//   seed-net  -> {"op":"listen","address","port","udp"}   <- {"ok":true} + a socket bound there, or {"error":"..."}
//             -> {"op":"dns","server":"ADDR:PORT"}        <- {"ok":true}       where questions of the zone go
//             -> {"op":"edge"} + a SOCK_SEQPACKET         <- {"ok":true}       the channel to a new seed-edge
//             -> {"op":"uplink","wanted":bool} + the network namespace  <- {"ok":true}
//             -> {"op":"status"}                          <- {"uplink":"pasta"|"none","remark":"..."}
//   seed-edge -> 1 byte: what it needs (Upstream below)   <- that byte + connected, non-blocking sockets; none: nobody to ask
#pragma once
#include <sys/types.h>

#include <seed/util/fd.h>
#include <nlohmann/json_fwd.hpp>

namespace seed::net {

enum class Upstream : char { host_udp = 'u', host_tcp = 't', zone_udp = 'U', zone_tcp = 'T' };
inline constexpr size_t upstream_batch = 16;  // UDP sockets per request: each asks one question and is closed

class HostSide {
public:
    // Forks it.  Must be called in the host's network namespace, before the process drops anything.
    static HostSide start();
    HostSide(HostSide &&other) noexcept;
    HostSide &operator=(HostSide &&) = delete;
    ~HostSide();  // kills it, and so pasta

    UniqueFd listen(const std::string &address, uint16_t port, bool udp);  // throws Failure with the reason
    void set_dns_server(const std::string &server);
    void connect_edge(int channel);
    void start_uplink(int network_namespace);
    nlohmann::json status();
    int descriptor() const { return control_.get(); }  // readable without a question of ours: it is gone
    pid_t pid() const { return pid_; }

private:
    HostSide(pid_t pid, UniqueFd control) : pid_(pid), control_(std::move(control)) {}
    nlohmann::json ask(const nlohmann::json &question, int descriptor, UniqueFd *answer);
    pid_t pid_;
    UniqueFd control_;
};

}  // namespace seed::net
