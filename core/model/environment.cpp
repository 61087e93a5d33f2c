#include "core/model/environment.h"

#include <algorithm>

namespace seed::model {
namespace {

// "my-db" to "MY_DB": names are lower-case labels, so no two become one.
std::string variable_part(const std::string &name) {
    std::string text;
    for (char c : name) text += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

}  // namespace

std::map<std::string, std::string> environment_of(const InstanceSpec &spec, const Surroundings &around) {
    std::map<std::string, std::string> environment = {
        {"SEED_NAMESPACE", around.ns}, {"SEED_INSTANCE", spec.name}, {"SEED_NODE_IP", around.node_address}};
    // The name a certificate would be for: those who speak HTTP have one.
    bool speaks_http = std::any_of(spec.expose.begin(), spec.expose.end(),
                                   [](const auto &port) { return port.protocol == "http" || port.protocol == "grpc"; });
    if (speaks_http) environment["SEED_FQDN"] = spec.name + "." + around.ns + "." + around.domain;
    for (const auto &connection : spec.connect) environment["SEED_" + variable_part(connection.name) + "_HOST"] = connection.service;
    return environment;
}

std::map<std::string, std::string> connections_of(const InstanceSpec &spec) {
    std::map<std::string, std::string> files;
    for (const auto &connection : spec.connect)
        files[connection.name] = connection.service + (connection.port ? ":" + std::to_string(connection.port) : "");
    return files;
}

}  // namespace seed::model
