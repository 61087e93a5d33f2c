// Bodies of the contract "seed.runtime/0".  See docs/contracts/runtime.md; JSON member names are the C++ names.
//
// Words: an *instance* is "NAMESPACE/NAME"; a *boot* is one virtual machine made for it, named by the core
// ("NAMESPACE/NAME/BOOTID"), and that name is its handle.  A *service address* is stable and leads to the boot that is ready.
#pragma once
#include <map>
#include <vector>

#include <seed/codec.hpp>

namespace seed::runtime {

struct CheckReply {
    bool ok = true;
    std::string accelerator;             // "kvm", "tcg", "none"
    std::vector<std::string> remarks;    // sentences for the operator
};

// The closure of one instance as a read-only erofs image holding NAR-like paths (HASH-NAME at its root = /nix/store/*).
struct PrepareRequest {
    std::string key;      // content key, [0-9a-f]{64}: the same key is the same bytes
    std::string image;    // absolute path of the erofs file, readable by the runtime
};
struct PrepareReply {
    std::string key;
};

struct Volume {
    std::string name;         // "data"
    std::string path;         // block image on the host, from storage.attach
    std::string mount_point;  // "/seed/storage/data"
    std::string user = "root", group = "root";
    std::string mode = "0755";
    uint64_t size_bytes = 0;
};
struct Expose {
    std::string name;         // "http"
    uint16_t port = 0;
    std::string protocol;     // tcp, udp, dns (both), http, grpc
};
struct StartRequest {
    std::string handle;       // NAMESPACE/NAME/BOOTID
    std::string instance;     // NAMESPACE/NAME
    std::string image;        // key given to prepare
    std::string init;         // absolute path inside the guest: /nix/store/HASH-NAME/init
    std::string desired;      // opaque: hash of the desired state this boot was made for; returned by list and inspect
    uint32_t vcpus = 1;
    uint32_t memory_mib = 512;
    std::vector<Volume> volumes;
    std::vector<Expose> expose;
    std::map<std::string, std::string> environment;  // written to /run/seed/env
    std::map<std::string, std::string> connections;  // NAME -> content of /etc/seed/connect/NAME
    std::string host_name;
    std::string service_address;   // IPv6 text; empty: none
};
struct Boot {
    std::string handle, instance, image, desired;
    std::string state;         // starting, ready, exited.  "ready": every exposed TCP port listens, or init runs when there is none
    std::string reason;        // why it exited or is not ready yet: a sentence
    int64_t started_ms = 0;    // unix time
    int64_t ready_ms = 0;      // 0: not yet
    std::string address6, address4;   // of this boot only
    bool ipv4_only = false;    // an exposed port listens on IPv4 only: reached through the edge
    uint64_t restarts = 0;
    std::vector<std::string> remarks;   // what is wrong with a boot that runs: sentences ("the volume at /data is full")
};
struct HandleRequest {
    std::string handle;
};
struct WaitRequest {
    std::string handle;        // empty: all boots
};
struct LogsRequest {
    std::string instance;      // NAMESPACE/NAME: all its boots, oldest first
    uint32_t lines = 100;      // 0: all that is kept
    bool follow = false;
};
struct LogLine {
    int64_t time_ms = 0;
    std::string boot;          // BOOTID
    std::string text;          // as the guest wrote it, without the line end; may hold any bytes: print through printable()
};
struct StopRequest {
    std::string handle;
    uint32_t grace_ms = 5000;
    uint32_t drain_ms = 0;     // before it is asked: wait until no TCP connection leads to it, at most so long
};
struct ListReply {
    std::vector<Boot> boots;
};
struct Route {                 // a port of an address of the host's, for everybody, that leads to a service
    std::string name;          // of the route, unique within its instance and kind
    std::string address;       // IPv4 or IPv6 text
    uint16_t host_port = 0;    // on `address`
    uint16_t port = 0;         // the instance's port, one that it exposes
    bool udp = false;          // a route that is both is there twice
    bool operator==(const Route &) const = default;
};
// What one namespace makes reachable.  Replaces the previous publication of that namespace as a whole, in one step.
struct Service {
    std::string instance;      // NAMESPACE/NAME
    std::string address;       // the service address
    std::string handle;        // the boot that serves it; empty: none is ready (connections are refused at once)
    std::vector<Expose> expose;
    std::vector<std::string> names;   // what the resolver answers within the namespace: "web", "seed-web"
    std::vector<Route> routes;
    bool operator==(const Service &) const = default;
};
inline bool operator==(const Expose &a, const Expose &b) {
    return a.name == b.name && a.port == b.port && a.protocol == b.protocol;
}
struct PublishRequest {
    std::string ns;            // namespace
    std::vector<Service> services;
};
struct Forward {               // a port of the host's loopback that leads to a service
    std::string instance;
    uint16_t port = 0;         // the instance's port
    uint16_t host_port = 0;    // on 127.0.0.1
    bool udp = false;          // a port that is both is there twice, with the same host_port
};
struct RouteReport {           // what became of a Route
    std::string instance, name;
    bool udp = false;
    bool ok = false;           // it is served
    std::string reason;        // why not: a sentence
};
struct PublishReply {
    std::vector<Forward> forwards;    // empty unless the runtime forwards loopback ports
    std::vector<RouteReport> routes;  // one for each that was asked for; none from a runtime that knows no routes
};
struct ImagesReply {
    std::vector<std::string> keys;
};
struct ForgetRequest {
    std::string key;
};
struct BootStats {             // of one boot that runs, since its start
    std::string handle;
    uint64_t cpu_ms = 0;              // of the host's processors, all of the machine's threads
    uint64_t memory_bytes = 0;        // resident
    uint64_t disk_bytes = 0;          // what its volumes take on the host
    uint64_t received_bytes = 0, sent_bytes = 0;   // as the guest sees it
};

SEED_JSON(CheckReply, ok, accelerator, remarks)
SEED_JSON(PrepareRequest, key, image)
SEED_JSON(PrepareReply, key)
SEED_JSON(Volume, name, path, mount_point, user, group, mode, size_bytes)
SEED_JSON(Expose, name, port, protocol)
SEED_JSON(StartRequest, handle, instance, image, init, desired, vcpus, memory_mib, volumes, expose, environment, connections,
          host_name, service_address)
SEED_JSON(Boot, handle, instance, image, desired, state, reason, started_ms, ready_ms, address6, address4, ipv4_only, restarts,
          remarks)
SEED_JSON(HandleRequest, handle)
SEED_JSON(WaitRequest, handle)
SEED_JSON(LogsRequest, instance, lines, follow)
SEED_JSON(LogLine, time_ms, boot, text)
SEED_JSON(StopRequest, handle, grace_ms, drain_ms)
SEED_JSON(ListReply, boots)
SEED_JSON(Route, name, address, host_port, port, udp)
SEED_JSON(Service, instance, address, handle, expose, names, routes)
SEED_JSON(PublishRequest, ns, services)
SEED_JSON(Forward, instance, port, host_port, udp)
SEED_JSON(RouteReport, instance, name, udp, ok, reason)
SEED_JSON(PublishReply, forwards, routes)
SEED_JSON(ImagesReply, keys)
SEED_JSON(ForgetRequest, key)
SEED_JSON(BootStats, handle, cpu_ms, memory_bytes, disk_bytes, received_bytes, sent_bytes)

SEED_REQUIRED(PrepareRequest, "key", "image")
SEED_REQUIRED(StartRequest, "handle", "instance", "image")
SEED_REQUIRED(HandleRequest, "handle")
SEED_REQUIRED(LogsRequest, "instance")
SEED_REQUIRED(StopRequest, "handle")
SEED_REQUIRED(PublishRequest, "ns", "services")
SEED_REQUIRED(ForgetRequest, "key")

}  // namespace seed::runtime
