// The table of well-known names against Debian's /etc/services.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/model/expose_rules.h"

namespace seed::model {
namespace {

using json = nlohmann::json;

struct Service {
    std::set<uint16_t> ports;
    std::set<std::string> transports;
};

// Names of /etc/services with their TCP and UDP ports; an alias counts where no service has that name itself.
std::map<std::string, Service> debian_services() {
    std::map<std::string, Service> own, alias;
    std::ifstream file("/etc/services");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string name, port, other;
        if (!(words >> name >> port)) continue;
        size_t slash = port.find('/');
        std::string transport = port.substr(slash + 1);
        if (transport != "tcp" && transport != "udp") continue;
        auto note = [&](Service &service) {
            service.ports.insert(static_cast<uint16_t>(std::stoi(port)));
            service.transports.insert(transport);
        };
        note(own[name]);
        while (words >> other) note(alias[other]);
    }
    own.merge(alias);
    return own;
}

bool can_be_a_name(const std::string &name) {
    try {
        InstanceName checked(name);
        return true;
    } catch (const Failure &) {
        return false;
    }
}

TEST(well_known_names, are_those_of_etc_services_with_their_ports_and_transports) {
    auto services = debian_services();
    if (services.empty()) GTEST_SKIP() << "/etc/services is missing: apt-get install netbase";
    size_t compared = 0;
    for (const auto &[name, service] : services) {
        if (!can_be_a_name(name)) continue;   // x11_0, Clearcase: no name of a port can be spelt so
        const WellKnown *known = well_known(name);
        if (!known) {
            // Debian may add services; those of bookworm are all there.
            ADD_FAILURE() << name << " is in /etc/services and not in the table of core/model/well_known.cpp";
            continue;
        }
        ++compared;
        EXPECT_TRUE(service.ports.contains(known->port)) << name << " " << known->port;
        std::string protocol = known->protocol;
        if (protocol != "udp") {
            EXPECT_TRUE(service.transports.contains("tcp")) << name << " is not a TCP service";
        }
        if (protocol == "udp" || protocol == "dns") {
            EXPECT_TRUE(service.transports.contains("udp")) << name << " is not a UDP service";
        }
    }
    EXPECT_GT(compared, 250u);
}

TEST(well_known_names, expose_by_enable_alone) {
    for (const auto &[name, service] : debian_services()) {
        if (!can_be_a_name(name)) continue;
        auto port = parse_exposed("x", name, json{{"enable", true}});
        ASSERT_TRUE(port) << name;
        EXPECT_EQ(port->port, well_known(name)->port) << name;
        EXPECT_EQ(port->protocol, well_known(name)->protocol) << name;
        auto moved = parse_exposed("x", name, json{{"port", 4711}});
        EXPECT_EQ(moved->port, 4711) << name;
        EXPECT_EQ(moved->protocol, well_known(name)->protocol) << name;
    }
}

TEST(well_known_names, that_every_example_uses_mean_what_it_says) {
    auto is = [](const char *name, uint16_t port, const char *protocol) {
        const WellKnown *known = well_known(name);
        ASSERT_TRUE(known) << name;
        EXPECT_EQ(known->port, port) << name;
        EXPECT_STREQ(known->protocol, protocol) << name;
    };
    is("http", 80, "http"), is("https", 443, "http"), is("ssh", 22, "tcp"), is("dns", 53, "dns"), is("domain", 53, "dns");
    is("postgresql", 5432, "tcp"), is("grpc", 0, "grpc"), is("ntp", 123, "udp"), is("wireguard", 51820, "udp"), is("redis", 6379, "tcp");
    EXPECT_EQ(well_known(""), nullptr);
    EXPECT_EQ(well_known("zzz"), nullptr);
    EXPECT_EQ(well_known("HTTP"), nullptr);
}

}  // namespace
}  // namespace seed::model
