#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/model/planner.h"

namespace seed::model {
namespace {

Desired one(std::vector<OwnName> names, std::vector<Route> routes = {}) {
    Desired desired;
    desired.ns = "s-abc";
    desired.domain = "seed.test";
    desired.ipv4 = "203.0.113.5";
    InstanceSpec &spec = desired.instances["web"];
    spec.name = "web";
    spec.expose = {{"http", 80, "http"}};
    spec.names = std::move(names);
    spec.routes = std::move(routes);
    desired.addresses["web"] = "fd00:1:2:1::1";
    return desired;
}

std::set<std::string> told(const Desired &desired) {
    std::set<std::string> all;
    for (const auto &record : wanted_records(desired)) all.insert(record.name + " " + record.type + " " + record.value + (record.zone.empty() ? "" : " in " + record.zone));
    return all;
}

TEST(wanted_records, an_apex_has_a_wildcard_beside_it) {
    std::set<std::string> expected = {"web.s-abc.seed.test. AAAA fd00:1:2:1::1", "example.com. AAAA fd00:1:2:1::1 in example.com.",
                                      "*.example.com. AAAA fd00:1:2:1::1 in example.com.", "www.example.org. AAAA fd00:1:2:1::1 in example.org."};
    EXPECT_EQ(told(one({{"example.com", "example.com"}, {"www.example.org", "example.org"}})), expected);
}

TEST(wanted_records, an_ipv4_route_brings_the_shared_address) {
    Route six{"six", "2001:db8::1", 80, "http", 80}, four{"four", "", 80, "http", 80};
    EXPECT_EQ(told(one({}, {six})).size(), 1u);
    std::set<std::string> expected = {"web.s-abc.seed.test. AAAA fd00:1:2:1::1", "web.s-abc.seed.test. A 203.0.113.5"};
    EXPECT_EQ(told(one({}, {six, four})), expected);
    Desired without = one({}, {four});
    without.ipv4.clear();
    EXPECT_EQ(told(without).size(), 1u);
}

TEST(wanted_records, an_instance_that_exposes_nothing_has_no_name) {
    Desired desired = one({{"example.com", "example.com"}});
    desired.instances["web"].expose.clear();
    EXPECT_TRUE(told(desired).empty());
}

TEST(wanted_records, names_and_routes_restart_nothing_and_make_another_generation) {
    Desired plain = one({}), named = one({{"example.com", "example.com"}}, {{"four", "", 80, "http", 80}});
    EXPECT_EQ(plain.instances["web"].desired_hash(), named.instances["web"].desired_hash());
    EXPECT_NE(generation_hash(plain.instances), generation_hash(named.instances));
    EXPECT_EQ(spec_from_json(to_json(named.instances["web"])).routes, named.instances["web"].routes);
    EXPECT_EQ(spec_from_json(to_json(named.instances["web"])).names, named.instances["web"].names);
}

}  // namespace
}  // namespace seed::model
