// The rules as text, and what is refused before a byte of it is made.
#include <gtest/gtest.h>

#include <seed/util/file.h>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "plugins/support/net/address.h"
#include "plugins/support/net/rules.h"
#include "plugins/support/net/state_json.h"

namespace seed::net {
namespace {

NetworkState example() {
    NetworkState state;
    state.prefix6 = "fd5e:ed00:0001::/48";
    state.vms = {{"tap1", 1, "fd5e:ed00:1:2:0::11", "100.64.0.11"}, {"tap2", 2, "fd5e:ed00:1:2::12", "100.64.0.12"}};
    state.services = {{1,
                       "fd5e:ed00:1:1::a",
                       "fd5e:ed00:1:2::11",
                       "100.64.0.11",
                       {{80, false, false}, {53, true, false}, {8080, false, true}, {69, true, true}},
                       {"web"}},
                      {2, "fd5e:ed00:1:1::b", "", "", {{80, false, false}}, {}},
                      {2, "fd5e:ed00:1:1::c", "fd5e:ed00:1:2::99", "100.64.0.99", {{80, false, false}, {81, false, true}}, {}}};
    state.forwards = {{18080, "fd5e:ed00:1:1:0::a", 80, false}, {18080, "fd5e:ed00:1:1:0::a", 53, true}};
    state.zone = "seed.example.net";
    state.dns_server = "127.0.0.1:5300";
    return state;
}

std::string refusal(const NetworkState &state) {
    try {
        check(state);
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        return failure.what();
    }
    return "accepted";
}

TEST(Rules, are_the_golden_text) {
    const std::string golden = std::string(SEED_SOURCE_DIR) + "/tests/unit/net/rules.golden.nft";
    const std::string text = render_guard() + render_rules(check(example()));
    if (getenv("SEED_ACCEPT")) write_file(golden, text);  // SEED_ACCEPT=1 unit_net: take today's text as right
    EXPECT_EQ(text, read_file(golden));
}

TEST(Rules, do_not_depend_on_how_an_address_is_spelt) {
    NetworkState other = example();
    other.vms[0].address6 = "FD5E:ED00:1:2::0011";
    EXPECT_EQ(render_rules(check(other)), render_rules(check(example())));
}

TEST(Rules, of_nothing_let_nothing_through) {
    const std::string text = render_rules({});
    EXPECT_EQ(text.find("elements = {  }"), text.npos);
    EXPECT_NE(text.find("type filter hook forward priority filter; policy drop"), text.npos);
}

TEST(Rules, lead_no_service_to_a_boot_that_is_not_there) {
    EXPECT_EQ(render_rules(check(example())).find("::99"), std::string::npos);
    for (const ProxyPort &proxy : proxy_ports(check(example()))) EXPECT_EQ(proxy.guest4, "100.64.0.11");
}

TEST(Check, refuses_every_bad_value_by_name) {
    const auto with = [](auto change) {
        NetworkState state = example();
        change(state);
        return refusal(state);
    };
    EXPECT_EQ(refusal(example()), "accepted");
    for (const char *prefix :
         {"", "fd5e::/64", "fe80::/48", "ff00::/48", "::/48", "fd5e:ed00:1:1::/48", "fd5e:ed00:1::/48 ", "10.0.0.0/48"})
        EXPECT_NE(with([&](auto &s) { s.prefix6 = prefix; }).find("prefix6"), std::string::npos) << prefix;
    for (const char *tap : {"", "tap", "eth0", "tapA", "tap1234567890123", "tap1\"", "tap1;x", "tap 1", "tap*"})
        EXPECT_NE(with([&](auto &s) { s.vms[0].tap = tap; }).find("tap"), std::string::npos) << tap;
    EXPECT_NE(with([](auto &s) { s.vms[0].tap = "tap2"; }).find("twice"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.vms[0].tenant = 0; }).find("tenant"), std::string::npos);
    for (const char *six : {"", "x", "fd5e:ed00:1::53", "fd5e:ed00:1:1::1", "fd5e:ed00:2:2::1", "::1", "fe80::1",
                            "fd5e:ed00:1:2::11 }", "10.0.0.1"})
        EXPECT_NE(with([&](auto &s) { s.vms[0].address6 = six; }).find("address6"), std::string::npos) << six;
    for (const char *four : {"", "127.0.0.1", "100.128.0.1", "100.63.255.255", "0100.64.0.1", "100.64.1"})
        EXPECT_NE(with([&](auto &s) { s.vms[0].address4 = four; }).find("address4"), std::string::npos) << four;
    EXPECT_NE(with([](auto &s) { s.services[0].address = "fd5e:ed00:1:2::11"; }).find("service address"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.services[0].tenant = 2; }).find("another tenant"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.services[0].ports[1] = {80, false, true}; }).find("twice"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.services[0].ports[0].port = 0; }).find("port"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.services[1].address = s.services[0].address; }).find("twice"), std::string::npos);
    for (const char *name : {"", ".", "a..b", "-a", "a-", "A", "a b", "a.", "a\n"})
        EXPECT_NE(with([&](auto &s) { s.services[0].names = {name}; }).find("name"), std::string::npos) << name;
    EXPECT_NE(with([](auto &s) { s.forwards[0].address = "::1"; }).find("forward"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.forwards.push_back(s.forwards[0]); }).find("twice"), std::string::npos);
    EXPECT_NE(with([](auto &s) { s.forwards[0].listen = "everywhere"; }).find("must be an address of the host"), std::string::npos);
    auto same_port = [](auto &s) {   // another address, another kind: no clash
        for (const char *listen : {"203.0.113.5", "2001:db8::5"})
            for (bool udp : {false, true}) s.forwards.push_back({s.forwards[0].host_port, s.forwards[0].address, 80, udp, listen});
    };
    EXPECT_EQ(with(same_port), "accepted");
    for (const char *server : {"127.0.0.1", "host:53", "[::1]", "::1:53", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:53 "})
        EXPECT_NE(with([&](auto &s) { s.dns_server = server; }).find("dns_server"), std::string::npos) << server;
}

TEST(State, survives_the_way_through_json) {
    const NetworkState state = check(example());
    EXPECT_EQ(to_json(state_from_json(to_json(state))), to_json(state));
}

TEST(State, of_a_wrong_shape_is_invalid) {
    for (auto change :
         {nlohmann::json{{"vms", 5}}, nlohmann::json{{"prefix6", 1}}, nlohmann::json{{"services", {{{"tenant", -1}}}}},
          nlohmann::json{{"forwards", {{{"host_port", 70000}, {"address", "x"}, {"port", 1}}}}}}) {
        nlohmann::json json = to_json(example());
        json.update(change);
        EXPECT_THROW(state_from_json(json), Failure) << change;
    }
    EXPECT_THROW(state_from_json(nlohmann::json::object()), Failure);
}

TEST(Prefix, knows_what_lies_where) {
    const Prefix prefix("2001:db8:7::/48");
    EXPECT_EQ(prefix.resolver().text(), "2001:db8:7::53");
    EXPECT_EQ(prefix.service_net(), "2001:db8:7:1::/64");
    EXPECT_TRUE(prefix.holds_service(*parse_address6("2001:db8:7:1::5")));
    EXPECT_FALSE(prefix.holds_service(*parse_address6("2001:db8:7:101::5")));
    EXPECT_TRUE(prefix.holds_boot(*parse_address6("2001:db8:7:101::5")));
    EXPECT_FALSE(prefix.holds_boot(*parse_address6("2001:db8:7::5")));
    EXPECT_FALSE(prefix.holds_boot(*parse_address6("2001:db8:8:2::5")));
}

}  // namespace
}  // namespace seed::net
