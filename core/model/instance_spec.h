// What a flake wants of one instance, as plain values.  Made from the JSON that evaluation returns; every rule a tenant can
// break is checked here, and each message names the instance, the option and the remedy.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/model/names.h"

namespace seed::model {

struct Size {
    std::string name;          // xs, s, m, l, xl
    uint32_t vcpus = 1;
    uint32_t memory_mib = 512;
};
Size size_named(std::string_view name);   // Failure(invalid) lists the sizes

struct ExposedPort {
    std::string name;
    uint16_t port = 0;
    std::string protocol;      // tcp, udp, dns, http, grpc
    bool operator==(const ExposedPort &) const = default;
};
struct VolumeSpec {
    std::string name;
    uint64_t size_bytes = 0;
    std::string mount_point;   // absolute, normalised, no ".." and below nothing of the platform's (/nix, /proc, /run/seed ...)
    std::string user = "root", group = "root", mode = "0755";
    bool operator==(const VolumeSpec &) const = default;
};
struct Connection {            // another instance, or a name elsewhere, that the closure wants to know
    std::string name;          // of the file /etc/seed/connect/NAME and the variable SEED_NAME_HOST
    std::string service;       // INSTANCE, "seed-INSTANCE", or a DNS name with a dot
    uint16_t port = 0;         // 0: not said
    bool operator==(const Connection &) const = default;
};
struct OwnName {               // a name below a domain of the tenant's own
    std::string name;          // "www.example.com"
    std::string domain;        // "example.com": the zone it is in
    bool operator==(const OwnName &) const = default;
};
struct Route {                 // a port of a public address that leads to the instance
    std::string name;          // of the flake's ipv4.routes or ipv6.routes
    std::string address;       // IPv6 text; empty: the IPv4 address that all tenants of the host share
    uint16_t port = 0;
    std::string protocol;      // tcp, udp, dns, http, grpc
    uint16_t target_port = 0;  // of the instance, which exposes it
    bool operator==(const Route &) const = default;
};
enum class Rollout { recreate, rolling };

struct InstanceSpec {
    std::string name;
    Size size;
    std::vector<ExposedPort> expose;      // sorted by name
    std::vector<VolumeSpec> volumes;      // sorted by name
    std::vector<Connection> connect;      // sorted by name
    std::vector<OwnName> names;           // sorted by name; not those below the platform's domain
    std::vector<Route> routes;            // sorted by address and name
    Rollout rollout = Rollout::recreate;
    bool autostart = true;                // false: it is deployed, but runs only when somebody has asked for it
    std::string out_path;                 // /nix/store/HASH-NAME: the closure's top level; its init is out_path + "/init"
    std::string drv_path;
    std::string image;                    // key of the closure image; empty until built.  A function of out_path.
    // sha256 hex over what a boot is made from: everything above but names, routes, drv_path, image, rollout and autostart.  Equal
    // hash, nothing to restart.  Members with their default value do not count, so that a newer platform restarts nobody by its upgrade.
    std::string desired_hash() const;
};

// {"meta": {...}, "outPath": "...", "drvPath": "..."} of one entry of `seeds`.  `names` are as written: parse_flake() places them.
InstanceSpec parse_instance(const std::string &name, const nlohmann::json &evaluated);
// The whole result of evaluation, as build::Builder::evaluate() gives it: {"seeds": {"NAME": {...}}, "domains", "ipv4", "ipv6"}; or
// the instances alone, {"NAME": {...}}, of a flake that has nothing else.  No instance at all is Failure(invalid) "exports no seeds".
std::map<std::string, InstanceSpec> parse_flake(const nlohmann::json &evaluated);
nlohmann::json to_json(const InstanceSpec &spec);             // for core/state; round-trips
InstanceSpec spec_from_json(const nlohmann::json &stored);

// sha256 hex over the sorted desired hashes, rollouts, autostarts, names and routes: the whole desired state of a flake.
std::string generation_hash(const std::map<std::string, InstanceSpec> &instances);

}  // namespace seed::model
