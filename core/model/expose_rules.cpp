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

// Sorted by name.  Ports as in /etc/services; the protocol is what the platform does with the port.
constexpr std::array table = {
    WellKnown{"amqp", 5672, "tcp"},        WellKnown{"amqps", 5671, "tcp"},      WellKnown{"dns", 53, "dns"},
    WellKnown{"domain", 53, "dns"},        WellKnown{"finger", 79, "tcp"},       WellKnown{"ftp", 21, "tcp"},
    WellKnown{"git", 9418, "tcp"},         WellKnown{"gopher", 70, "tcp"},       WellKnown{"grpc", 0, "grpc"},
    WellKnown{"http", 80, "http"},         WellKnown{"https", 443, "http"},      WellKnown{"imap", 143, "tcp"},
    WellKnown{"imaps", 993, "tcp"},        WellKnown{"irc", 6667, "tcp"},        WellKnown{"ircs", 6697, "tcp"},
    WellKnown{"kerberos", 88, "dns"},      WellKnown{"ldap", 389, "tcp"},        WellKnown{"ldaps", 636, "tcp"},
    WellKnown{"memcached", 11211, "tcp"},  WellKnown{"mqtt", 1883, "tcp"},       WellKnown{"mqtts", 8883, "tcp"},
    WellKnown{"mysql", 3306, "tcp"},       WellKnown{"nntp", 119, "tcp"},        WellKnown{"ntp", 123, "udp"},
    WellKnown{"pop3", 110, "tcp"},         WellKnown{"pop3s", 995, "tcp"},       WellKnown{"postgresql", 5432, "tcp"},
    WellKnown{"redis", 6379, "tcp"},       WellKnown{"rsync", 873, "tcp"},       WellKnown{"sieve", 4190, "tcp"},
    WellKnown{"sip", 5060, "dns"},         WellKnown{"smtp", 25, "tcp"},         WellKnown{"smtps", 465, "tcp"},
    WellKnown{"snmp", 161, "udp"},         WellKnown{"ssh", 22, "tcp"},          WellKnown{"submission", 587, "tcp"},
    WellKnown{"submissions", 465, "tcp"},  WellKnown{"syslog", 514, "udp"},      WellKnown{"telnet", 23, "tcp"},
    WellKnown{"tftp", 69, "udp"},          WellKnown{"wireguard", 51820, "udp"}, WellKnown{"xmpp-client", 5222, "tcp"},
    WellKnown{"xmpp-server", 5269, "tcp"},
};

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

const WellKnown *well_known(std::string_view name) {
    auto found = std::find_if(table.begin(), table.end(), [&](const WellKnown &entry) { return entry.name == name; });
    return found == table.end() ? nullptr : &*found;
}

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
