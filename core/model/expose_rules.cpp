#include "core/model/expose_rules.h"

#include <algorithm>
#include <array>
#include <set>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

using json = nlohmann::json;

constexpr std::array<std::string_view, 5> protocols = {"tcp", "udp", "dns", "http", "grpc"};

uint16_t parse_port(const std::string &where, const json &value) {
    bool good = value.is_number_unsigned()
                    ? value.get<uint64_t>() >= 1 && value.get<uint64_t>() <= 65535
                    : value.is_number_integer() && value.get<int64_t>() >= 1 && value.get<int64_t>() <= 65535;
    if (!good)
        throw Failure(Code::invalid, where + ": port " +
                                         printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 40) +
                                         " cannot be: use 1 to 65535");
    return value.get<uint16_t>();
}

}  // namespace

std::optional<ExposedPort> parse_exposed(const std::string &where, const std::string &name, const json &value) {
    const WellKnown *known = well_known(name);
    ExposedPort exposed{name, known ? known->port : uint16_t{0}, known ? known->protocol : "tcp"};
    if (value.is_number()) {
        exposed.port = parse_port(where, value);
        return exposed;
    }
    if (!value.is_object())
        throw Failure(Code::invalid,
                      where + " must be a port or { port; protocol; }, like 8080 or { port = 8080; protocol = \"http\"; }");
    if (auto enable = value.find("enable"); enable != value.end() && !enable->is_null()) {
        if (!enable->is_boolean()) throw Failure(Code::invalid, where + ".enable must be true or false");
        if (!enable->get<bool>()) return std::nullopt;
    }
    if (auto port = value.find("port"); port != value.end() && !port->is_null()) exposed.port = parse_port(where, *port);
    if (auto protocol = value.find("protocol"); protocol != value.end() && !protocol->is_null()) {
        if (!protocol->is_string() ||
            std::find(protocols.begin(), protocols.end(), protocol->get_ref<const std::string &>()) == protocols.end())
            throw Failure(Code::invalid, where + ": protocol " +
                                             printable(protocol->dump(-1, ' ', true, json::error_handler_t::replace), 40) +
                                             " is unknown: use tcp, udp, dns (tcp and udp), http or grpc");
        exposed.protocol = protocol->get<std::string>();
    }
    if (exposed.port == 0)
        throw Failure(Code::invalid, where + ": no port is known for the name \"" + name + "\": add port = NUMBER;");
    return exposed;
}

void refuse_ports_used_twice(const std::string &instance, const std::vector<ExposedPort> &ports) {
    std::map<std::pair<uint16_t, std::string>, std::string> taken;
    for (const auto &port : ports) {
        std::vector<std::string> transports;
        if (port.protocol != "udp") transports.push_back("tcp");
        if (port.protocol == "udp" || port.protocol == "dns") transports.push_back("udp");
        for (const auto &transport : transports) {
            auto [at, fresh] = taken.emplace(std::pair{port.port, transport}, port.name);
            if (!fresh)
                throw Failure(Code::invalid, "instance " + instance + ": seed.expose." + at->second + " and seed.expose." +
                                                 port.name + " both use " + transport + " port " + std::to_string(port.port) +
                                                 ": give one another port");
        }
    }
}

}  // namespace seed::model
