#include <gtest/gtest.h>

#include "core/front/rate.h"
#include "core/front/ssh_refusal.h"

using namespace seed::front;
using namespace std::chrono_literals;

TEST(Rate, SomebodyMayDoSoManyWithinTheWindowAndThenWaits) {
    Rate rate(3, 60s);
    auto start = Rate::Clock::time_point(1000s);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(rate.refuse("a", start + i * 1s));
    EXPECT_EQ(rate.refuse("a", start + 10s), 50s);
    EXPECT_FALSE(rate.refuse("b", start + 10s));  // somebody else
    EXPECT_FALSE(rate.refuse("a", start + 60s));  // the first has left the window
    EXPECT_EQ(rate.refuse("a", start + 60s), 1s);
    EXPECT_FALSE(rate.refuse("a", start + 500s));
}

TEST(Rate, ARefusalIsNotCounted) {
    Rate rate(1, 60s);
    auto start = Rate::Clock::time_point(1000s);
    EXPECT_FALSE(rate.refuse("a", start));
    for (int i = 1; i < 59; ++i) EXPECT_TRUE(rate.refuse("a", start + i * 1s));
    EXPECT_FALSE(rate.refuse("a", start + 60s));
}

TEST(Rate, ZeroIsWithoutLimit) {
    Rate rate(0, 60s);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(rate.refuse("a", Rate::Clock::time_point(1000s)));
}

TEST(Rate, NamesThatCameOnceAreForgotten) {
    Rate rate(2, 60s);
    auto now = Rate::Clock::time_point(1000s);
    for (int i = 0; i < 100000; ++i, now += 10ms) rate.refuse("key " + std::to_string(i), now);
    EXPECT_LE(rate.names(), 12001u);  // two windows
}

TEST(SshRefusal, IsOneUnencryptedPacketAfterTheIdentification) {
    for (size_t size = 0; size < 230; ++size) {
        std::string bytes = ssh_refusal(std::string(size, 'x'));
        ASSERT_TRUE(bytes.starts_with("SSH-2.0-seed\r\n"));
        std::string packet = bytes.substr(14);
        auto number = [&](size_t at) {
            return (unsigned char)packet[at] << 24 | (unsigned char)packet[at + 1] << 16 | (unsigned char)packet[at + 2] << 8 | (unsigned char)packet[at + 3];
        };
        EXPECT_EQ(packet.size() % 8, 0u);
        EXPECT_EQ(size_t(number(0)), packet.size() - 4);
        EXPECT_GE(packet[4], 4);
        EXPECT_EQ(packet[5], 1);        // SSH_MSG_DISCONNECT
        EXPECT_EQ(number(6), 12);       // too many connections
        EXPECT_EQ(size_t(number(10)), std::min<size_t>(size, 200));
    }
}
