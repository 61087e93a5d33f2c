#include "core/deploy/claims.h"

#include <gtest/gtest.h>
#include <seed/util/file.h>

#include "world_double.h"

using namespace seed;
using test::WorldDouble;

namespace {

class Claims : public testing::Test {
protected:
    Claims() : directory("/tmp", "seed-claims-"), given(directory.path().string()) {
        given.world.ingress = {"203.0.113.5", {"2001:db8:1:2::/64"}, {{"tcp", 22}}};
        for (const char *name : {"first", "second"}) {
            state::Flake flake{name, "key", std::string("cid-") + name, "s-" + std::string(26, *name == 'f' ? 'a' : 'b'), "", 1};
            given.store.add_flake(flake);
            state::Revision revision;
            revision.repository = name;
            revision.state = "deployed";
            given.store.add_revision(revision);
        }
    }
    static deploy::Instances asking(std::vector<model::OwnName> names, std::vector<model::Route> routes = {}) {
        model::InstanceSpec spec;
        spec.name = "web";
        spec.expose = {{"http", 80, "http"}};
        spec.names = std::move(names);
        spec.routes = std::move(routes);
        return {{"web", spec}};
    }
    static model::Route port(uint16_t number, const std::string &protocol = "tcp", const std::string &address = "") {
        return {"front", address, number, protocol, 80};
    }
    void wants(const std::string &repository, const deploy::Instances &instances, bool ready = true) {
        state::Generation generation = deploy::make_generation(repository, instances, repository == "first" ? 1 : 2);
        given.store.put_generation(generation);
        given.store.set_current_generation(repository, generation.hash);
        if (ready) given.store.set_generation_ready(repository, generation.hash);
    }
    // Why the second flake cannot have it; empty: it can.
    std::string refusal(const deploy::Instances &instances) {
        try {
            deploy::check_claims(given.world, *given.store.flake("second"), instances);
            return "";
        } catch (const Failure &failure) {
            EXPECT_EQ(failure.code(), Code::conflict);
            return failure.what();
        }
    }
    bool refused(const deploy::Instances &instances, const std::string &words) {
        std::string said = refusal(instances);
        EXPECT_NE(said.find(words), std::string::npos) << said;
        return !said.empty();
    }
    TemporaryDirectory directory;
    WorldDouble given;
};

TEST_F(Claims, A_domain_is_held_with_everything_below_and_above_it) {
    wants("first", asking({{"www.example.com", "example.com"}}));
    EXPECT_TRUE(refused(asking({{"api.example.com", "example.com"}}), "the domain example.com is held by the repository first: remove it there first"));
    EXPECT_TRUE(refused(asking({{"a.b.example.com", "b.example.com"}}), "is held by the repository first (as example.com)"));
    wants("first", asking({{"a.b.example.com", "b.example.com"}}));
    EXPECT_TRUE(refused(asking({{"example.com", "example.com"}}), "is held by the repository first (as b.example.com)"));
    EXPECT_EQ(refusal(asking({{"example.org", "example.org"}, {"x.badexample.com", "badexample.com"}})), "");
}

TEST_F(Claims, The_platforms_domain_is_nobodys) {
    EXPECT_TRUE(refused(asking({{"seed.test", "seed.test"}}), "overlaps the platform's own, seed.test"));
    EXPECT_TRUE(refused(asking({{"x.silo.seed.test", "silo.seed.test"}}), "overlaps the platform's own"));
}

TEST_F(Claims, A_port_is_held_by_kind_and_address) {
    wants("first", asking({}, {port(443)}));
    EXPECT_TRUE(refused(asking({}, {port(443, "http")}), "tcp port 443 of 203.0.113.5 is held by the repository first (its route front)"));
    EXPECT_TRUE(refused(asking({}, {port(443, "dns")}), "is held by the repository first"));
    EXPECT_EQ(refusal(asking({}, {port(443, "udp"), port(444)})), "");
    EXPECT_EQ(refusal(asking({}, {port(443, "tcp", "2001:db8:1:2::5")})), "");
    EXPECT_TRUE(refused(asking({}, {port(22)}), "tcp port 22 of 203.0.113.5 is the platform's own"));
}

TEST_F(Claims, Addresses_are_the_hosters_to_give) {
    EXPECT_TRUE(refused(asking({}, {port(443, "tcp", "2001:db8:9:9::5")}), "2001:db8:9:9::/64 is no block of this platform: use one of 2001:db8:1:2::/64"));
    given.world.ingress = {};
    EXPECT_TRUE(refused(asking({}, {port(443)}), "this platform has no IPv4 address that tenants share"));
    EXPECT_TRUE(refused(asking({}, {port(443, "tcp", "2001:db8:1:2::5")}), "its hoster can add one to ingress.ipv6_blocks"));
}

TEST_F(Claims, What_is_dropped_is_free_but_not_while_it_may_return) {
    wants("first", asking({{"www.example.com", "example.com"}}, {port(443)}));
    wants("first", asking({}), /*ready=*/false);
    EXPECT_TRUE(refused(asking({{"example.com", "example.com"}}), "held by the repository first"));
    EXPECT_TRUE(refused(asking({}, {port(443)}), "held by the repository first"));
    wants("first", asking({}));
    EXPECT_EQ(refusal(asking({{"example.com", "example.com"}}, {port(443)})), "");
    EXPECT_EQ(refusal(asking({})), "");
}

TEST_F(Claims, Ones_own_is_never_in_the_way) {
    wants("second", asking({{"www.example.com", "example.com"}}, {port(443)}));
    EXPECT_EQ(refusal(asking({{"www.example.com", "example.com"}, {"example.com", "example.com"}}, {port(443)})), "");
}

}  // namespace
