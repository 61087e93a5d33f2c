#include "plugins/support/net/live_connections.h"

#include <gtest/gtest.h>

namespace seed::net {
namespace {

Address address(const char *text) { return *parse_address(text); }

// Two boots; the first serves a TCP and a UDP port of one service.
struct live_connections : ::testing::Test {
    live_connections() {
        before.boots = {address("fd5e:ed00:77:2::1"), address("100.64.1.1"), address("fd5e:ed00:77:2::2"), address("100.64.1.2")};
        before.exposed = {{address("fd5e:ed00:77:1::5"), 6, 80}, {address("fd5e:ed00:77:1::5"), 17, 53}};
        before.udp_boots = {{{address("fd5e:ed00:77:1::5"), 53}, address("fd5e:ed00:77:2::1")}};
        now = before;
    }
    LiveConnections before{.prefix = Prefix("fd5e:ed00:77::/48")}, now{.prefix = Prefix("fd5e:ed00:77::/48")};
};

TEST_F(live_connections, of_a_state_that_only_grew_need_not_be_looked_through) {
    EXPECT_FALSE(may_leave_dead(before, now));
    now.boots.insert(address("fd5e:ed00:77:2::3"));
    now.exposed.insert({address("fd5e:ed00:77:1::6"), 6, 80});
    EXPECT_FALSE(may_leave_dead(before, now));
}

TEST_F(live_connections, are_looked_through_when_a_boot_or_a_port_has_gone) {
    now.boots.erase(address("100.64.1.2"));
    EXPECT_TRUE(may_leave_dead(before, now));
    now = before;
    now.exposed.erase({address("fd5e:ed00:77:1::5"), 6, 80});
    now.exposed.insert({address("fd5e:ed00:77:1::5"), 6, 81});   // as many as before
    EXPECT_TRUE(may_leave_dead(before, now));
    now = before;
    now.prefix = Prefix("fd5e:ed00:78::/48");
    EXPECT_TRUE(may_leave_dead(before, now));
}

TEST_F(live_connections, are_looked_through_when_datagrams_go_to_another_boot) {
    now.udp_boots[{address("fd5e:ed00:77:1::5"), 53}] = address("fd5e:ed00:77:2::2");
    EXPECT_TRUE(may_leave_dead(before, now));
    // Nobody served them for a while: those that the first boot had may be there still when the second one takes over.
    LiveConnections nobody = before;
    nobody.udp_boots.clear();
    EXPECT_FALSE(may_leave_dead(before, nobody));
    EXPECT_TRUE(may_leave_dead(nobody, now));
}

}  // namespace
}  // namespace seed::net
