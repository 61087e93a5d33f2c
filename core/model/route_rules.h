// Public routes (`ipv4` and `ipv6` of a flake): a port of an address of the host's that leads to an instance.
//
// The same rules as nixos/lib/routes.nix; tests/nix/rules.py holds the two against each other.  Which addresses and ports a flake may
// have is decided in core/deploy/claims.h.
#pragma once
#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/model/instance_spec.h"

namespace seed::model {

// Adds what `ipv4` and `ipv6` say (null: nothing) to InstanceSpec::routes of the instances they lead to.  Nothing is added while `enable`
// is not true.  Failure(invalid): an unknown instance, a port that the instance does not expose, two routes on one port.
void place_routes(std::map<std::string, InstanceSpec> &instances, const nlohmann::json &ipv4, const nlohmann::json &ipv6);

// What a runtime has to listen on for an instance's routes; a route that carries both is there twice.
struct PublicPort {
    std::string route;         // its name
    std::string address;       // of the host, as text
    uint16_t port = 0;
    uint16_t target_port = 0;  // of the instance
    bool udp = false;
    bool operator==(const PublicPort &) const = default;
};
// `ipv4`: the shared address; empty: there is none, and IPv4 routes are left out.
std::vector<PublicPort> public_ports(const InstanceSpec &spec, const std::string &ipv4);

bool carries_tcp(std::string_view protocol);
bool carries_udp(std::string_view protocol);

}  // namespace seed::model
