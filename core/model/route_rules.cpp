#include "core/model/route_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

using json = nlohmann::json;

constexpr size_t most_routes = 64;   // of one family
constexpr int64_t longest_host = 0x7fffffffffffffff;
const char *protocols = "tcp, udp, dns, http, grpc";

std::string shown(const json *value) {
    return value ? printable(value->dump(-1, ' ', true, json::error_handler_t::replace), 80) : "null";
}

const json *member(const json &object, const char *name) {
    auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<uint16_t> port_of(const json *value) {
    if (!value || !value->is_number_integer() || *value < 1 || *value > 65535) return std::nullopt;
    return value->get<uint16_t>();
}

// "2001:db8:1:2::/64" and 25 to "2001:db8:1:2::19".
std::optional<in6_addr> parse_block(const json *value) {
    if (!value || !value->is_string()) return std::nullopt;
    const auto &text = value->get_ref<const std::string &>();
    in6_addr address{};
    if (!text.ends_with("/64") || inet_pton(AF_INET6, text.substr(0, text.size() - 3).c_str(), &address) != 1) return std::nullopt;
    constexpr unsigned char none[8] = {};
    if (std::memcmp(address.s6_addr + 8, none, 8) != 0) return std::nullopt;
    return address;
}

std::string address_in(in6_addr block, uint64_t host) {
    for (int i = 0; i < 8; ++i) block.s6_addr[15 - i] = static_cast<unsigned char>(host >> (8 * i));
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &block, text, sizeof text);
    return text;
}

// The entry of the instance's `expose` that takes what the route carries; null: there is none.
bool is_exposed(const InstanceSpec &spec, uint16_t port, std::string_view protocol) {
    auto has = [&](bool (*carries)(std::string_view)) {
        return std::any_of(spec.expose.begin(), spec.expose.end(), [&](const auto &one) { return one.port == port && carries(one.protocol); });
    };
    return (!carries_tcp(protocol) || has(carries_tcp)) && (!carries_udp(protocol) || has(carries_udp));
}

void place(std::map<std::string, InstanceSpec> &instances, const std::string &family, const json &block) {
    const bool six = family == "ipv6";
    if (block.is_null()) return;
    if (!block.is_object()) throw Failure(Code::invalid, family + " must be { enable; " + (six ? "block; " : "") + "routes; }");
    const json *enable = member(block, "enable"), *routes = member(block, "routes");
    if (enable && !enable->is_boolean()) throw Failure(Code::invalid, family + ".enable must be true or false");
    if (!routes || routes->empty()) return;
    if (!routes->is_object()) throw Failure(Code::invalid, family + ".routes must be a set of { port; protocol; instance; }");
    if (routes->size() > most_routes)
        throw Failure(Code::limit, family + ".routes has " + std::to_string(routes->size()) + " routes: use at most " + std::to_string(most_routes));
    auto prefix = parse_block(member(block, "block"));
    if (six && !prefix)
        throw Failure(Code::invalid, "ipv6.block " + shown(member(block, "block")) + " is no /64: write it like \"2001:db8:1:2::/64\"");
    std::string all;
    for (const auto &[name, spec] : instances) all += (all.empty() ? "" : ", ") + name;

    std::map<std::string, std::string> taken;   // address, port and kind to the route that has it
    for (const auto &[name, given] : routes->items()) {
        std::string where = family + ".routes." + printable(name, 60);
        try {
            InstanceName checked(name);
        } catch (const Failure &) {
            throw Failure(Code::invalid, family + ".routes: the name \"" + printable(name, 60) + "\" cannot be: use 1 to 40 of a-z, 0-9 and inner '-'");
        }
        if (!given.is_object()) throw Failure(Code::invalid, where + " must be { port; protocol; instance; }");
        Route route;
        route.name = name;
        auto port = port_of(member(given, "port"));
        if (!port) throw Failure(Code::invalid, where + ".port " + shown(member(given, "port")) + " cannot be: use 1 to 65535");
        route.port = route.target_port = *port;
        if (const json *target = member(given, "targetPort")) {
            auto value = port_of(target);
            if (!value) throw Failure(Code::invalid, where + ".targetPort " + shown(target) + " cannot be: use 1 to 65535");
            route.target_port = *value;
        }
        const json *protocol = member(given, "protocol"), *instance = member(given, "instance"), *host = member(given, "host");
        if (!protocol || !protocol->is_string() || (!carries_tcp(protocol->get<std::string>()) && !carries_udp(protocol->get<std::string>())))
            throw Failure(Code::invalid, where + ".protocol " + shown(protocol) + " is unknown: use " + protocols);
        route.protocol = protocol->get<std::string>();
        auto target = instance && instance->is_string() ? instances.find(instance->get<std::string>()) : instances.end();
        if (target == instances.end())
            throw Failure(Code::invalid, where + ".instance " + shown(instance) + " is no instance of this flake: use one of " + all);
        if (six) {
            if (!host || !host->is_number_integer() || *host < 1 || *host > longest_host)
                throw Failure(Code::invalid, where + ".host " + shown(host) + " cannot be: use the last part of the address as a number from 1");
            route.address = address_in(*prefix, host->get<uint64_t>());
        }
        if (!is_exposed(target->second, route.target_port, route.protocol))
            throw Failure(Code::invalid, where + " leads to " + route.protocol + " port " + std::to_string(route.target_port) + " of instance " + target->first +
                                             ", which does not expose it: add it to its seed.expose, or set targetPort");
        for (const char *kind : {"tcp", "udp"}) {
            if (!(*kind == 't' ? carries_tcp(route.protocol) : carries_udp(route.protocol))) continue;
            auto [other, added] = taken.emplace(route.address + " " + kind + " " + std::to_string(route.port), name);
            if (!added) throw Failure(Code::invalid, family + ".routes." + other->second + " and " + where + " are the same port: remove one");
        }
        if (enable && enable->get<bool>()) target->second.routes.push_back(std::move(route));
    }
}

}  // namespace

bool carries_tcp(std::string_view protocol) {
    return protocol == "tcp" || protocol == "http" || protocol == "grpc" || protocol == "dns";
}
bool carries_udp(std::string_view protocol) {
    return protocol == "udp" || protocol == "dns";
}

std::vector<PublicPort> public_ports(const InstanceSpec &spec, const std::string &ipv4) {
    std::vector<PublicPort> ports;
    for (const auto &route : spec.routes) {
        const std::string &address = route.address.empty() ? ipv4 : route.address;
        if (address.empty()) continue;
        if (carries_tcp(route.protocol)) ports.push_back({route.name, address, route.port, route.target_port, false});
        if (carries_udp(route.protocol)) ports.push_back({route.name, address, route.port, route.target_port, true});
    }
    return ports;
}

void place_routes(std::map<std::string, InstanceSpec> &instances, const json &ipv4, const json &ipv6) {
    place(instances, "ipv4", ipv4);
    place(instances, "ipv6", ipv6);
    for (auto &[name, spec] : instances)
        std::sort(spec.routes.begin(), spec.routes.end(), [](const Route &a, const Route &b) {
            return std::tie(a.address, a.name) < std::tie(b.address, b.name);
        });
}

}  // namespace seed::model
