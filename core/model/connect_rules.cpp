#include "core/model/connect_rules.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

using json = nlohmann::json;

std::string shown(const json &value) {
    return printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 80);
}

std::string parse_service(const std::string &where, const json &value) {
    const std::string rule = ": name an instance of this flake, like \"db\", or a full DNS name";
    if (!value.is_string()) throw Failure(Code::invalid, where + ": the service " + shown(value) + " is not text" + rule);
    const auto &text = value.get_ref<const std::string &>();
    try {
        return DomainName(text).str();   // an instance's name is one label of the same kind
    } catch (const Failure &) {
        throw Failure(Code::invalid, where + ": the service " + shown(value) + " is no name" + rule);
    }
}

// "db" and "seed-db" both mean the instance db; an instance that is really called seed-db comes first.
const InstanceSpec *target_of(const std::map<std::string, InstanceSpec> &instances, const std::string &service) {
    if (auto found = instances.find(service); found != instances.end()) return &found->second;
    if (!service.starts_with("seed-")) return nullptr;
    auto found = instances.find(service.substr(5));
    return found == instances.end() ? nullptr : &found->second;
}

}  // namespace

Connection parse_connection(const std::string &where, const std::string &name, const json &value) {
    Connection connection;
    connection.name = name;
    if (value.is_string()) {
        connection.service = parse_service(where, value);
        return connection;
    }
    if (!value.is_object() || !value.contains("service"))
        throw Failure(Code::invalid,
                      where + " must be the name of an instance or { service; port; }, like \"db\" or { service = \"db\"; port = 5432; }");
    connection.service = parse_service(where, value["service"]);
    if (auto port = value.find("port"); port != value.end() && !port->is_null()) {
        if (!port->is_number_integer() || *port < 1 || *port > 65535)
            throw Failure(Code::invalid, where + ": port " + shown(*port) + " cannot be: use 1 to 65535");
        connection.port = port->get<uint16_t>();
    }
    return connection;
}

void refuse_impossible_connections(const std::map<std::string, InstanceSpec> &instances) {
    std::string all;
    for (const auto &[name, spec] : instances) all += (all.empty() ? "" : ", ") + name;
    for (const auto &[name, spec] : instances)
        for (const auto &connection : spec.connect) {
            if (connection.service.find('.') != std::string::npos) continue;
            std::string where = "instance " + name + ": seed.connect." + connection.name;
            const InstanceSpec *target = target_of(instances, connection.service);
            if (!target)
                throw Failure(Code::invalid, where + ": there is no instance " + connection.service +
                                                 " in this flake: use one of " + all + ", or add it");
            if (target->expose.empty())
                throw Failure(Code::invalid, where + ": instance " + target->name + " exposes nothing, so it cannot be reached: give it " +
                                                 "a port in seed.expose, or remove the connection");
            std::string ports;
            for (const auto &port : target->expose) ports += (ports.empty() ? "" : ", ") + std::to_string(port.port);
            if (connection.port &&
                std::none_of(target->expose.begin(), target->expose.end(), [&](auto &port) { return port.port == connection.port; }))
                throw Failure(Code::invalid, where + ": instance " + target->name + " does not expose port " +
                                                 std::to_string(connection.port) + ": use one of " + ports + ", or expose it there");
        }
}

}  // namespace seed::model
