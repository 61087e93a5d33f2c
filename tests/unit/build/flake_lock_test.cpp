#include "core/build/flake_lock.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>

using namespace seed;
using testing::HasSubstr;

namespace {

std::string lock_with(const std::string &locked) {
    return R"({"nodes":{"root":{"inputs":{"e":"e"}},"e":{"locked":)" + locked + R"(}},"root":"root","version":7})";
}

std::string refusal(const std::string &text, const std::vector<std::string> &allowed = {}, const std::string &platform = "") {
    try {
        build::InputRules rules;
        rules.allowed = allowed;
        rules.platform_host = platform;
        build::read_flake_lock(text, rules);
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        EXPECT_EQ(std::string(failure.what()).find('\n'), std::string::npos);
        return failure.what();
    }
    return "";
}

std::vector<build::LockedInput> read(const std::string &text, const std::vector<std::string> &allowed, const std::string &platform = "") {
    build::InputRules rules;
    rules.allowed = allowed;
    rules.platform_host = platform;
    return build::read_flake_lock(text, rules);
}

#define REV "0123456789abcdef0123456789abcdef01234567"
#define HASH "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
const std::string github =
    R"({"type":"github","owner":"NixOS","repo":"nixpkgs","rev":")" REV R"(","lastModified":1,"narHash":")" HASH R"("})";

std::string git_with(const std::string &url, const std::string &more = R"(,"lastModified":1)") {
    return R"({"type":"git","url":")" + url + R"(","rev":")" REV R"(","narHash":")" HASH R"(")" + more + "}";
}
std::string tarball_with(const std::string &url, const std::string &more = "") {
    return R"({"type":"tarball","url":")" + url + R"(","narHash":")" HASH R"(")" + more + "}";
}

TEST(FlakeLock, AnAbsentLockIsFine) {
    EXPECT_TRUE(build::read_flake_lock(std::nullopt, {}).empty());
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
    EXPECT_EQ(refusal(lock_with(github), {"public"}), "");
    EXPECT_NE(refusal(lock_with(github), {"github:NixOS/nixpkgs-other", "github:Nix", "gitlab", "git", "github:"}), "");
}

TEST(FlakeLock, AnotherHostOfTheSameTypeIsAnotherInput) {
    EXPECT_NE(refusal(lock_with(R"({"type":"github","host":"evil.example","owner":"NixOS","repo":"nixpkgs"})"), {"github:NixOS"}),
              "");
    EXPECT_NE(refusal(lock_with(tarball_with("https://good.example.evil/x")), {"tarball:https://good.example"}), "");
    EXPECT_EQ(refusal(lock_with(tarball_with("https://good.example/x")), {"tarball:https://good.example"}), "");
}

TEST(FlakeLock, APathIsNeverAllowed) {
    EXPECT_NE(refusal(lock_with(R"({"type":"path","path":"/etc"})"), {"path", "path:/etc", "public"}), "");
    EXPECT_NE(refusal(lock_with(R"({"path":"/etc"})"), {"", "public"}), "");
}

TEST(FlakeLock, AnInputHiddenInTheRootNodeIsSeen) {
    EXPECT_NE(refusal(R"({"nodes":{"root":{"locked":{"type":"path","path":"/etc"}}},"root":"root"})"), "");
}

TEST(FlakeLock, ForgesHaveTheAddressesOfTheirArchives) {
    auto address = [](const std::string &locked) { return read(lock_with(locked), {"public"})[0].url; };
    EXPECT_EQ(address(github), "https://github.com/NixOS/nixpkgs/archive/" REV ".tar.gz");
    const std::string rest = R"(,"rev":")" REV R"(","lastModified":1,"narHash":")" HASH R"("})";
    EXPECT_EQ(address(R"({"type":"gitlab","owner":"a%2Fb","repo":"c")" + rest),
              "https://gitlab.com/api/v4/projects/a%2Fb%2Fc/repository/archive.tar.gz?sha=" REV);
    EXPECT_EQ(address(R"({"type":"sourcehut","owner":"~me","repo":"c")" + rest), "https://git.sr.ht/~me/c/archive/" REV ".tar.gz");
    for (const char *owner : {"..", "a/b", "a?b", "", "-x", "a b", "a%2e", "a\\n"})
        EXPECT_NE(refusal(lock_with(std::string(R"({"type":"github","owner":")") + owner + R"(","repo":"c")" + rest), {"public"}), "") << owner;
}

TEST(FlakeLock, OnlyPlainHttpsAddressesAreFetched) {
    EXPECT_EQ(read(lock_with(tarball_with("https://files.example/a.tar.gz?x=1")), {"public"})[0].host, "files.example");
    for (const char *url : {"http://files.example/x", "file:///etc/passwd", "https://me@files.example/x", "https://files.example:22/x", "https:///x",
                            "https://files.example/a b", "https://files.example/\\u0000", "https://[::1]/x", "https://UPPER!/x", "-https://x/", ""})
        EXPECT_NE(refusal(lock_with(tarball_with(url)), {"public"}), "") << url;
}

TEST(FlakeLock, RepositoriesOfThePlatformNeedNoRule) {
    for (const char *url : {"ssh://silo.example/seed.git", "ssh://git@silo.example:2222/seed", "https://SILO.example/seed.git"}) {
        auto inputs = read(lock_with(git_with(url)), {}, "silo.example");
        ASSERT_EQ(inputs.size(), 1u) << url;
        EXPECT_EQ(inputs[0].from, build::LockedInput::From::platform);
        EXPECT_EQ(inputs[0].repository, "seed");
        EXPECT_EQ(inputs[0].url, "");
    }
    for (const char *url : {"ssh://silo.example.evil/seed.git", "ssh://other/seed.git", "ssh://silo.example/a/b.git", "ssh://silo.example/.git",
                            "ssh://silo.example:x/seed.git", "ssh://silo.example", "ssh://other@/seed"})
        EXPECT_NE(refusal(lock_with(git_with(url)), {}, "silo.example"), "") << url;
    EXPECT_NE(refusal(lock_with(git_with("ssh://silo.example/seed.git")), {"public"}), "") << "a platform without a name has none";
}

TEST(FlakeLock, WhatNixWouldWantTheNetworkForIsRefused) {
    EXPECT_EQ(refusal(lock_with(git_with("https://git.example/x")), {"git"}), "");
    EXPECT_THAT(refusal(lock_with(git_with("https://git.example/x", R"(,"lastModified":1,"ref":"main")")), {"git"}), HasSubstr("revCount"));
    EXPECT_THAT(refusal(lock_with(git_with("https://git.example/x", "")), {"git"}), HasSubstr("lastModified"));
    EXPECT_THAT(refusal(lock_with(git_with("https://git.example/x", R"(,"lastModified":1,"submodules":true)")), {"git"}), HasSubstr("submodules"));
    EXPECT_THAT(refusal(lock_with(tarball_with("https://files.example/x", R"(,"name":"other")")), {"tarball"}), HasSubstr("name"));
    for (const char *hash : {"", "sha256-AAAA", "sha512-AAAA", "md5-x", "sha256-!!!!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})
        EXPECT_THAT(refusal(lock_with(std::string(R"({"type":"tarball","url":"https://files.example/x","narHash":")") + hash + "\"}"), {"tarball"}),
                    HasSubstr("narHash"));
}

TEST(FlakeLock, TheSameContentOfAnotherOriginIsAnotherInput) {
    std::string two = R"({"nodes":{"root":{"inputs":{"a":"a","b":"b","c":"c"}},"a":{"locked":)" + tarball_with("https://x.example/1") + R"(},"b":{"locked":)" +
                      tarball_with("https://x.example/2") + R"(},"c":{"locked":)" + tarball_with("https://x.example/1") + R"(}},"root":"root"})";
    auto inputs = read(two, {"public"});
    ASSERT_EQ(inputs.size(), 2u);
    EXPECT_EQ(inputs[0].store_path, inputs[1].store_path);
    EXPECT_NE(inputs[0].key, inputs[1].key);
}

TEST(FlakeLock, FollowsThatGoInCirclesOrNowhereAreRefused) {
    auto root = [](const std::string &inputs) { return R"({"nodes":{"root":{"inputs":)" + inputs + R"(}},"root":"root"})"; };
    EXPECT_EQ(refusal(root(R"({"a":"root","b":["a"]})")), "");
    for (const char *inputs : {R"({"a":["a"]})", R"({"a":["b"],"b":["a"]})", R"({"a":"gone"})", R"({"a":["gone"]})", R"({"a":7})", R"({"a":[7]})", "[]"})
        EXPECT_NE(refusal(root(inputs)), "") << inputs;
}

TEST(FlakeLock, MalformedLocksAreRefused) {
    for (const char *text : {"", "[]", "{", "{}", R"({"nodes":[]})", R"({"nodes":{}})", R"({"nodes":{"root":1},"root":"root"})",
                             R"({"nodes":{"root":{},"e":{}},"root":"root"})", R"({"nodes":{"root":{}},"root":7})", "\xff"})
        EXPECT_NE(refusal(text), "") << text;
    EXPECT_THAT(refusal(std::string(1000, '[') + std::string(1000, ']')), HasSubstr("nests deeper"));
}

TEST(FlakeLock, WhatOlderNixDoesNotKnowOfTarballsIsLeftOut) {
    EXPECT_FALSE(build::for_older_nix(lock_with(tarball_with("https://x.example/1"))));
    EXPECT_FALSE(build::for_older_nix(lock_with(github)));
    auto text = build::for_older_nix(lock_with(tarball_with("https://x.example/1", R"(,"lastModified":7,"rev":"0")")));
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, testing::AllOf(testing::Not(HasSubstr("lastModified")), HasSubstr("https://x.example/1"), HasSubstr(HASH)));
}

}  // namespace
