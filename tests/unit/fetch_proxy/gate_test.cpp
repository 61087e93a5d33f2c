#include "core/programs/seed-fetch-proxy/gate.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>

#include "core/programs/seed-fetch-proxy/connect_request.h"
#include "core/programs/seed-fetch-proxy/public_address.h"

using namespace seed;
using namespace seed::fetch;
using testing::HasSubstr;

namespace {

std::string judged(const char *address) {
    return not_public(asio::ip::make_address(address));
}

TEST(PublicAddress, EverythingOfThisMachineAndItsNetworksIsRefused) {
    for (const char *address :
         {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
          "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
          "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fec0::1", "fc00::1", "fd12::1",
          "ff02::1", "2001:db8::1", "2001::1", "2001:10::1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
          "64:ff9b:1::1", "100::1", "3fff::1", "4000::1"})
        EXPECT_NE(judged(address), "") << address;
}

TEST(PublicAddress, AddressesOfTheInternetAreNot) {
    for (const char *address : {"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.1.1.1", "128.0.0.1", "140.82.121.3",
                                "169.253.1.1", "172.15.1.1", "172.32.0.1", "192.167.1.1", "192.169.1.1", "223.255.255.255", "2606:4700::1111",
                                "2a04:4e42::645", "2001:4860:4860::8888", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"})
        EXPECT_EQ(judged(address), "") << address;
}

TEST(PublicAddress, AnAddressOfThisMachineIsKnownAsItsOwn) {
    EXPECT_TRUE(is_own(asio::ip::make_address("127.0.0.1")));
    EXPECT_FALSE(is_own(asio::ip::make_address("192.0.2.77")));
}

class GateTest : public testing::Test {
protected:
    asio::io_context context;
    int asked = 0;
    std::vector<asio::ip::address> addresses;

    // "ADDRESS:PORT ..." or why not.
    std::string decide(GateRules rules, std::string host, uint16_t port) {
        Resolver resolver = [this](Target) { return answer(); };
        Gate gate(std::move(rules), resolver);
        std::string result;
        spawn_task(context.get_executor(), "test", ask(gate, Target{host, port}, result));
        context.restart();
        context.run();
        return result;
    }

private:
    Task<std::vector<asio::ip::address>> answer() {
        ++asked;
        co_return addresses;
    }
    static Task<void> ask(Gate &gate, Target target, std::string &result) {
        try {
            auto endpoints = co_await gate.endpoints(target);
            for (const auto &endpoint : endpoints)
                result += (result.empty() ? "" : " ") + endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
        } catch (const Failure &failure) {
            result = failure.what();
        }
    }
};

TEST_F(GateTest, AHostThatIsNotAllowedIsNotEvenResolved) {
    addresses = {asio::ip::make_address("1.1.1.1")};
    GateRules rules;
    rules.allowed = {"good.example:443"};
    EXPECT_THAT(decide(rules, "evil.example", 443), HasSubstr("not allowed"));
    EXPECT_THAT(decide(rules, "good.example", 22), HasSubstr("not allowed"));
    EXPECT_THAT(decide(rules, "good.example.evil", 443), HasSubstr("not allowed"));
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(decide(rules, "good.example", 443), "1.1.1.1:443");
}

TEST_F(GateTest, AnyHostMeansPort443Only) {
    addresses = {asio::ip::make_address("1.1.1.1")};
    GateRules rules;
    rules.any_host = true;
    EXPECT_EQ(decide(rules, "some.example", 443), "1.1.1.1:443");
    EXPECT_THAT(decide(rules, "some.example", 80), HasSubstr("only port 443"));
}

// A name that resolves to something else the next time is asked once, and what was checked is what is connected to.
TEST_F(GateTest, RebindingANameGainsNothing) {
    GateRules rules;
    rules.any_host = true;
    addresses = {asio::ip::make_address("127.0.0.1"), asio::ip::make_address("1.1.1.1"), asio::ip::make_address("fd00::1")};
    EXPECT_EQ(decide(rules, "evil.example", 443), "1.1.1.1:443");
    EXPECT_EQ(asked, 1);
    addresses = {asio::ip::make_address("169.254.169.254")};
    EXPECT_THAT(decide(rules, "evil.example", 443), HasSubstr("link-local"));
    addresses = {};
    EXPECT_THAT(decide(rules, "evil.example", 443), HasSubstr("no address"));
}

TEST_F(GateTest, TheOperatorsOwnAddressMayBePrivateAndAsksNobody) {
    GateRules rules;
    rules.any_host = true;
    rules.addresses["cache.example"] = parse_endpoint("10.0.0.7:8443");
    rules.addresses["other.example:443"] = parse_endpoint("[fd00::7]:443");
    EXPECT_EQ(decide(rules, "cache.example", 443), "10.0.0.7:8443");
    EXPECT_EQ(decide(rules, "other.example", 443), "fd00::7:443");
    EXPECT_EQ(asked, 0);
    for (const char *text : {"", "10.0.0.7", "10.0.0.7:0", "10.0.0.7:x", "host:1", "::1:443", "[10.0.0.7]:443", "10.0.0.7:70000"})
        EXPECT_THROW(parse_endpoint(text), Failure) << text;
}

TEST(ConnectRequest, IsReadWhenItIsWhole) {
    EXPECT_FALSE(parse_connect(""));
    EXPECT_FALSE(parse_connect("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n"));
    auto request = parse_connect("CONNECT A.example:443 HTTP/1.1\r\nHost: x\r\n\r\nrest");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->target.text(), "a.example:443");
    EXPECT_EQ(request->size, std::string("CONNECT A.example:443 HTTP/1.1\r\nHost: x\r\n\r\n").size());
    EXPECT_EQ(parse_connect("CONNECT [::1]:443 HTTP/1.1\r\n\r\n")->target.host, "::1");
}

TEST(ConnectRequest, OtherMethodsAndMalformedOnesAreRefused) {
    for (const char *text : {"GET http://a.example/ HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "CONNECT a.example HTTP/1.1\r\n\r\n",
                             "CONNECT a.example:0 HTTP/1.1\r\n\r\n", "CONNECT a.example:99999 HTTP/1.1\r\n\r\n", "CONNECT :443 HTTP/1.1\r\n\r\n",
                             "CONNECT a.example:443\r\n\r\n", "CONNECT -x:443 HTTP/1.1\r\n\r\n", "CONNECT a b:443 HTTP/1.1\r\n\r\n", "\r\n\r\n",
                             "CONNECT a/b:443 HTTP/1.1\r\n\r\n", "connect a:443 HTTP/1.1\r\n\r\n", "CONNECT a@b:443 HTTP/1.1\r\n\r\n"})
        EXPECT_THROW(parse_connect(text), Failure) << text;
    EXPECT_THROW(parse_connect(std::string(request_limit, 'a')), Failure);
}

}  // namespace
