#include <gtest/gtest.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include <filesystem>

#include "core/front/webhook.h"

using namespace seed;
using namespace seed::front;
using namespace std::chrono_literals;

// GitHub's own example: "Testing the webhook payload validation" in its documentation.
TEST(Webhook, TheSignatureIsTheOneOfGitHub) {
    std::string good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    EXPECT_TRUE(signed_with_one_of({"It's a Secret to Everybody"}, good, "Hello, World!"));
    EXPECT_TRUE(signed_with_one_of({"another", "It's a Secret to Everybody"}, good, "Hello, World!"));
    EXPECT_FALSE(signed_with_one_of({"another"}, good, "Hello, World!"));
    EXPECT_FALSE(signed_with_one_of({}, good, "Hello, World!"));
    EXPECT_FALSE(signed_with_one_of({"It's a Secret to Everybody"}, good, "Hello, World"));
    for (std::string bad : {"", "sha256=", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
                            "SHA256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"})
        EXPECT_FALSE(signed_with_one_of({"It's a Secret to Everybody"}, bad, "Hello, World!")) << bad;
    for (size_t at = 0; at < good.size(); ++at) {
        std::string wrong = good;
        wrong[at] ^= 1;
        EXPECT_FALSE(signed_with_one_of({"It's a Secret to Everybody"}, wrong, "Hello, World!"));
    }
}

TEST(Webhook, OnlyPushesNameARepository) {
    auto push = read_delivery(R"({"ref":"refs/heads/main","after":"1","repository":{"full_name":"a/b","name":"b"}})");
    EXPECT_TRUE(push.push);
    EXPECT_EQ(push.repository, "a/b");
    EXPECT_EQ(read_delivery(R"({"ref":"x","after":"1","repository":{"name":"b"}})").repository, "b");
    EXPECT_FALSE(read_delivery(R"({"zen":"x"})").push);
    for (auto bad : {"", "[]", "7", "{", R"({"ref":"x","after":"1"})", R"({"ref":"x","after":"1","repository":{"name":7}})", R"({"ref":"x","after":"1","repository":[]})"})
        EXPECT_THROW(read_delivery(bad), Failure) << bad;
    EXPECT_THROW(read_delivery(std::string(100000, '[')), Failure);
}

TEST(Webhook, ABodyIsAcceptedOnceADay) {
    Replays replays;
    auto now = Replays::Clock::time_point(1000h);
    EXPECT_TRUE(replays.first_time("a", now));
    EXPECT_FALSE(replays.first_time("a", now + 23h));
    EXPECT_TRUE(replays.first_time("b", now + 23h));
    EXPECT_TRUE(replays.first_time("a", now + 25h));
    for (int i = 0; i < 20000; ++i) EXPECT_TRUE(replays.first_time(std::to_string(i), now + 26h));
}

TEST(Webhook, WithoutAGoodSecretNothingIsAccepted) {
    TemporaryDirectory folder(std::filesystem::temp_directory_path(), "seed-webhook-");
    std::string path = folder.path() / "secrets";
    EXPECT_THROW(read_webhook_secrets(path), Failure);
    for (auto bad : {"", "\n# only a remark\n", "short\n", "long enough for a secret\nshort\n"}) {
        write_file(path, bad, 0600);
        EXPECT_THROW(read_webhook_secrets(path), Failure) << bad;
    }
    write_file(path, "# remark\n  long enough for a secret \n\nanother one of good length\n", 0600);
    EXPECT_EQ(read_webhook_secrets(path), (std::vector<std::string>{"long enough for a secret", "another one of good length"}));
    std::filesystem::permissions(path, std::filesystem::perms(0640));
    EXPECT_THROW(read_webhook_secrets(path), Failure);
}
