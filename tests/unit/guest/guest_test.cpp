#include <gtest/gtest.h>

#include "core/guest/configuration.h"
#include "core/guest/ports.h"
#include "core/guest/text.h"

namespace seed::guest {
namespace {

std::optional<Configuration> parse(const std::string &lines) {
    std::string error;
    return parse_configuration("seed 1\n" + lines, error);
}

TEST(GuestConfiguration, IsReadAsTheContractSays) {
    auto read = parse(
        "time_ms 5\nhost_name web\naddress6 fd00::1\naddress4 100.64.1.2\nresolver 169.254.0.1\nsearch s-a.example\n"
        "init /nix/store/x/init\nenv A one%20two%25\nenv EMPTY \nvolume volume0 /data web 100 0750\nexpose 53 both\n"
        "expose 80 tcp\nunknown thing\n");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->time_ms, 5);
    EXPECT_EQ(read->init, "/nix/store/x/init");
    ASSERT_EQ(read->environment.size(), 2u);
    EXPECT_EQ(read->environment[0].second, "one two%");
    EXPECT_EQ(read->environment[1].second, "");
    ASSERT_EQ(read->volumes.size(), 1u);
    EXPECT_EQ(read->volumes[0].mode, 0750u);
    ASSERT_EQ(read->expose.size(), 2u);
    EXPECT_TRUE(read->expose[0].tcp && read->expose[0].udp);
    EXPECT_FALSE(read->expose[1].udp);
}

TEST(GuestConfiguration, IsRefusedWhenItIsWrong) {
    for (const char *lines : {"", "init init\n", "init /a/../b\n", "init /i\nexpose 0 tcp\n", "init /i\nexpose 80 sctp\n",
                              "init /i\nenv A%0aB x\n", "init /i\nenv A x%0aB=y\n", "init /i\nvolume v /a/../b r r 0755\n",
                              "init /i\nvolume v /a r r 999\n", "init /i\nenv A %4\n", "init /i\ntime_ms -1\n"})
        EXPECT_FALSE(parse(lines)) << lines;
    std::string error;
    EXPECT_FALSE(parse_configuration("seed 2\ninit /i/i\n", error));
}

TEST(GuestConfiguration, NamesFilesOfConnections) {
    auto parse_lines = [](const std::string &lines) {
        std::string error;
        return parse_configuration("seed 1\ninit /i/i\n" + lines, error);
    };
    auto good = parse_lines("connect my-db db:5432\nconnect cache redis\n");
    ASSERT_TRUE(good);
    EXPECT_EQ(good->connections, (std::vector<std::pair<std::string, std::string>>{{"my-db", "db:5432"}, {"cache", "redis"}}));
    for (const char *bad : {"connect ../x y\n", "connect .. y\n", "connect a/b y\n", "connect  y\n", "connect a\n", "connect a%00b y\n"})
        EXPECT_FALSE(parse_lines(bad)) << bad;
}

TEST(GuestEnvironmentFile, CannotBeBrokenOutOf) {
    EXPECT_EQ(environment_file({{"A", "x y"}, {"B", "a\"b\\c$d`e"}}), "A=\"x y\"\nB=\"a\\\"b\\\\c\\$d\\`e\"\n");
}

TEST(GuestEnvironmentFile, WritesPlainValuesWithoutQuotes) {
    EXPECT_EQ(environment_file({{"A", "a-b.c/d:1"}, {"B", ""}}), "A=a-b.c/d:1\nB=\n");
}

TEST(GuestJson, HoldsOnlyPlainText) {
    EXPECT_EQ(json_string("a\"b\\c\nd\xff"), "\"a\\\"b\\\\c?d?\"");
    EXPECT_EQ(json_string("abcdef", 3), "\"abc\"");
}

constexpr const char *tcp4 =
    "  sl  local_address rem_address   st tx_queue rx_queue\n"
    "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    "   2: 0F02000A:0016 0F02000A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n";
constexpr const char *tcp6 =
    "  sl  local_address remote_address st\n"
    "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 0 0 0 0 1\n"
    "   1: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 00000000:00000000 0 0 0 0 1\n";

TEST(GuestPorts, OnlyWhatOthersCanReachCounts) {
    Listeners listeners;
    add_listeners(tcp4, false, false, listeners);
    add_listeners(tcp6, true, false, listeners);
    EXPECT_EQ(listeners.v4, (std::vector<uint16_t>{80}));
    EXPECT_EQ(listeners.v6, (std::vector<uint16_t>{443}));
    add_listeners("garbage\n: \n  7: 0:\n", true, false, listeners);
    EXPECT_EQ(listeners.v6.size(), 1u);
}

TEST(GuestPorts, ReadyWhenEveryExposedTcpPortListens) {
    Listeners listeners{{80}, {443}};
    EXPECT_TRUE(judge({}, listeners, {}).ready);
    Readiness both = judge({{80, true, false}, {443, true, false}, {5000, false, true}}, listeners, {});
    EXPECT_TRUE(both.ready);
    EXPECT_EQ(both.ipv4_only, (std::vector<uint16_t>{80}));
    EXPECT_TRUE(both.ipv4_only_udp.empty());
    Readiness missing = judge({{80, true, false}, {22, true, false}}, listeners, {});
    EXPECT_FALSE(missing.ready);
    EXPECT_EQ(missing.missing, (std::vector<uint16_t>{22}));
}

TEST(GuestPorts, UdpIsJudgedForItselfAndNotWaitedFor) {
    Listeners tcp{{}, {53}}, udp{{53, 69, 5353}, {69}};
    Readiness now = judge({{53, true, true}, {69, false, true}, {123, false, true}}, tcp, udp);
    EXPECT_TRUE(now.ready);
    EXPECT_TRUE(now.ipv4_only.empty());
    EXPECT_EQ(now.ipv4_only_udp, (std::vector<uint16_t>{53}));
}

TEST(GuestPorts, UdpSocketsOfClientsAreNoServers) {
    Listeners listeners;
    add_listeners(
        "  sl  local_address rem_address   st tx_queue rx_queue\n"
        "   0: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
        "   1: 0F02000A:0045 0100000A:0035 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
        "   2: 0100007F:007B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 1\n",
        /*v6=*/false, /*udp=*/true, listeners);
    EXPECT_EQ(listeners.v4, (std::vector<uint16_t>{53}));
}

TEST(GuestChannel, FindsItsPortOnTheKernelsCommandLine) {
    EXPECT_EQ(vsock_port_in("console=ttyS0 seed.vsock=5333 quiet\n"), 5333u);
    EXPECT_EQ(vsock_port_in("seed.vsock=1 seed.vsock=2"), 2u);
    for (const char *none : {"", "quiet", "xseed.vsock=5", "seed.vsock=", "seed.vsock=5x", "seed.vsock=-1", "seed.vsock=99999999999"})
        EXPECT_EQ(vsock_port_in(none), 0u) << none;
}

}  // namespace
}  // namespace seed::guest
