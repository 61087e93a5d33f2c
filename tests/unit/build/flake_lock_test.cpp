#include "core/build/flake_lock.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>

using namespace seed;
using testing::HasSubstr;

namespace {

std::string lock_with(const std::string &locked) {
    return R"({"nodes":{"root":{"inputs":{"e":"e"}},"e":{"locked":)" + locked + R"(}},"root":"root","version":7})";
}

std::string refusal(const std::string &text, const std::vector<std::string> &allowed = {}) {
    try {
        build::check_flake_lock(text, allowed);
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        return failure.what();
    }
    return "";
}

const std::string github = R"({"type":"github","owner":"NixOS","repo":"nixpkgs","rev":"0"})";

TEST(FlakeLock, AnAbsentLockIsFine) {
    build::check_flake_lock(std::nullopt, {});
}

TEST(FlakeLock, ALockWithoutInputsIsFine) {
    EXPECT_EQ(refusal(R"({"nodes":{"root":{}},"root":"root","version":7})"), "");
}

TEST(FlakeLock, AnInputIsRefusedByNameTypeAndRemedyWhenNothingIsAllowed) {
    EXPECT_THAT(refusal(lock_with(github)), testing::AllOf(HasSubstr("'e'"), HasSubstr("'github'"), HasSubstr("NixOS/nixpkgs"),
                                                           HasSubstr("put what you need into the repository")));
}

TEST(FlakeLock, ARuleCoversATypeAnOwnerOrARepository) {
    EXPECT_EQ(refusal(lock_with(github), {"github"}), "");
    EXPECT_EQ(refusal(lock_with(github), {"github:NixOS"}), "");
    EXPECT_EQ(refusal(lock_with(github), {"github:NixOS/nixpkgs"}), "");
    EXPECT_NE(refusal(lock_with(github), {"github:NixOS/nixpkgs-other", "github:Nix", "gitlab", "git", "github:"}), "");
}

TEST(FlakeLock, AnotherHostOfTheSameTypeIsAnotherInput) {
    EXPECT_NE(refusal(lock_with(R"({"type":"github","host":"evil.example","owner":"NixOS","repo":"nixpkgs"})"), {"github:NixOS"}),
              "");
}

TEST(FlakeLock, APathIsNeverAllowed) {
    EXPECT_NE(refusal(lock_with(R"({"type":"path","path":"/etc"})"), {"path", "path:/etc"}), "");
    EXPECT_NE(refusal(lock_with(R"({"path":"/etc"})"), {""}), "");
}

TEST(FlakeLock, AnInputHiddenInTheRootNodeIsSeen) {
    EXPECT_NE(refusal(R"({"nodes":{"root":{"locked":{"type":"path","path":"/etc"}}},"root":"root"})"), "");
}

TEST(FlakeLock, MalformedLocksAreRefused) {
    for (const char *text : {"", "[]", "{", "{}", R"({"nodes":[]})", R"({"nodes":{}})", R"({"nodes":{"root":1},"root":"root"})",
                             R"({"nodes":{"root":{},"e":{}},"root":"root"})", R"({"nodes":{"root":{}},"root":7})", "\xff"})
        EXPECT_NE(refusal(text), "") << text;
    EXPECT_THAT(refusal(std::string(1000, '[') + std::string(1000, ']')), HasSubstr("nests deeper"));
}

}  // namespace
