#include <seed/util/nearest.h>

#include <gtest/gtest.h>

using seed::nearest;

namespace {

TEST(Nearest, is_what_was_begun_or_nearly_typed) {
    std::vector<std::string> known = {"status", "stop", "logs", "volumes"};
    EXPECT_EQ(nearest("stauts", known), "status");
    EXPECT_EQ(nearest("lgos", known), "logs");
    EXPECT_EQ(nearest("vol", known), "volumes");
    EXPECT_EQ(nearest("volumse", known), "volumes");
    EXPECT_EQ(nearest("stpo", known), "stop");
}

TEST(Nearest, is_nothing_when_nothing_is_near) {
    std::vector<std::string> known = {"logs", "web"};
    EXPECT_EQ(nearest("frobnicate", known), "");
    EXPECT_EQ(nearest("db", known), "");
    EXPECT_EQ(nearest("", known), "");
    EXPECT_EQ(nearest("logs", {}), "");
    EXPECT_EQ(nearest(std::string(1000, 'l'), known), "");
}

}  // namespace
