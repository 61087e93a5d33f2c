#include "core/deploy/claims.h"

#include <algorithm>

#include <seed/util/text.h>

#include "core/model/addresses.h"
#include "core/model/route_rules.h"

namespace seed::deploy {
namespace {

struct Held {
    std::string repository;
    Instances instances;
};

bool claims_anything(const Instances &instances) {
    return std::any_of(instances.begin(), instances.end(), [](const auto &one) { return !one.second.names.empty() || !one.second.routes.empty(); });
}

std::vector<Held> held_by_others(const World &world, const state::Flake &flake) {
    std::vector<Held> all;
    for (const auto &other : world.store.flakes()) {
        if (other.repository == flake.repository) continue;
        auto hash = world.store.current_generation(other.repository);
        auto current = hash ? world.store.generation(other.repository, *hash) : std::nullopt;
        if (!current) continue;
        all.push_back({other.repository, instances_of(*current)});
        if (current->ready) continue;
        if (auto previous = previous_generation(world.store, other.repository)) all.push_back({other.repository, instances_of(*previous)});
    }
    return all;
}

void check_domain(const World &world, const std::vector<Held> &others, const std::string &instance, const model::OwnName &own) {
    std::string what = "instance " + instance + ": seed.dns.names \"" + own.name + "\": the domain " + own.domain;
    model::DomainName domain(own.domain), platform(world.domain);
    if (domain.is_within(platform) || platform.is_within(domain))
        throw Failure(Code::conflict, what + " overlaps the platform's own, " + world.domain + ": use a domain of yours");
    for (const auto &held : others)
        for (const auto &[name, spec] : held.instances)
            for (const auto &theirs : spec.names) {
                model::DomainName other(theirs.domain);
                if (!domain.is_within(other) && !other.is_within(domain)) continue;
                throw Failure(Code::conflict, what + " is held by the repository " + held.repository +
                                                  (theirs.domain == own.domain ? "" : " (as " + theirs.domain + ")") +
                                                  ": remove it there first, or use another domain");
            }
}

void check_route(const World &world, const std::vector<Held> &others, const model::Route &route) {
    const bool six = !route.address.empty();
    const Ingress &ingress = world.ingress;
    std::string what = std::string(six ? "ipv6" : "ipv4") + ".routes." + route.name + ": ";
    if (!six && ingress.ipv4.empty())
        throw Failure(Code::conflict, what + "this platform has no IPv4 address that tenants share: its hoster can set ingress.ipv4; until then set ipv4.enable = false");
    if (std::string block = six ? model::block64_of(route.address) : ""; six && std::count(ingress.ipv6_blocks.begin(), ingress.ipv6_blocks.end(), block) == 0) {
        std::string blocks;
        for (const auto &one : ingress.ipv6_blocks) blocks += (blocks.empty() ? "" : ", ") + one;
        throw Failure(Code::conflict, what + block + " is no block of this platform: " +
                                          (blocks.empty() ? "its hoster can add one to ingress.ipv6_blocks; until then set ipv6.enable = false"
                                                          : "use one of " + blocks));
    }
    model::InstanceSpec alone;
    alone.routes = {route};
    for (const auto &port : model::public_ports(alone, ingress.ipv4)) {
        std::string kind = port.udp ? "udp" : "tcp";
        std::string place = kind + " port " + std::to_string(port.port) + " of " + port.address;
        if (ingress.own_ports.contains({kind, port.port}))
            throw Failure(Code::conflict, what + place + " is the platform's own: use another port");
        for (const auto &held : others)
            for (const auto &[name, theirs] : held.instances)
                for (const auto &other : model::public_ports(theirs, ingress.ipv4))
                    if (other.address == port.address && other.port == port.port && other.udp == port.udp)
                        throw Failure(Code::conflict, what + place + " is held by the repository " + held.repository + " (its route " + other.route +
                                                          "): use another port, or remove it there first");
    }
}

}  // namespace

void check_claims(const World &world, const state::Flake &flake, const Instances &instances) {
    if (!claims_anything(instances)) return;
    std::vector<Held> others = held_by_others(world, flake);
    for (const auto &[name, spec] : instances) {
        for (const auto &own : spec.names) check_domain(world, others, name, own);
        for (const auto &route : spec.routes) check_route(world, others, route);
    }
}

}  // namespace seed::deploy
