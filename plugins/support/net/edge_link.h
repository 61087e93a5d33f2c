// seed-net's hold on its seed-edge: starts it, tells it everything, starts it again when it has died.
//
// Frames on descriptor 3 of seed-edge, each answered by {"ok":true}:
//   {"op":"add","key","kind":"relay"|"udp relay"|"udp"|"tcp"} + socket   a listening socket (udp, tcp: of the resolver)
//   {"op":"config","state":NetworkState,"targets":{KEY:{"address","port","tenant"}},"source":"PREFIX::53"}
//        closes every relay whose key is not among the targets
// On descriptor 4: the channel to the host side, see host_side.h.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <seed/util/process.h>

#include "plugins/support/net/host_side.h"
#include "plugins/support/net/net_client.h"

namespace seed::net {

class EdgeLink {
public:
    // `own_uid`: root may give it one; in a user namespace of one id there is none to give.
    EdgeLink(HostSide &host, bool own_uid) : host_(host), own_uid_(own_uid) {}

    // Makes the sockets that `state` needs and is lacking, and hands them over; nothing is closed yet.
    // Returns remarks about those that could not be had.
    struct Opened {
        std::vector<std::string> remarks;
        std::vector<NetRefusal> refused;   // the forwards among them
    };
    Opened open_listeners(const NetworkState &state);
    // Takes `state` as the truth: targets, names; closes what it does not need.
    void configure(const NetworkState &state);
    void tend();  // starts it again when it is due
    int pidfd() const { return process_ ? process_->pidfd() : -1; }
    int due() const;  // milliseconds until tend() has to be called; -1: not
    pid_t pid() const { return process_ ? process_->pid() : 0; }

private:
    struct Listener {
        std::string kind;
        UniqueFd socket;
    };
    void start();
    void tell(const std::string &body, int descriptor = -1);
    void lost(const std::string &why);

    HostSide &host_;
    bool own_uid_;
    std::map<std::string, Listener> listeners_;
    NetworkState state_;
    std::optional<Process> process_;
    UniqueFd control_;
    std::chrono::steady_clock::time_point started_{};
    std::chrono::milliseconds delay_{0};  // grows while it dies young
    std::optional<std::chrono::steady_clock::time_point> start_at_ = std::chrono::steady_clock::now();
};

}  // namespace seed::net
