#include "core/access/invitations.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>

using namespace seed;
using namespace seed::access;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const std::string a = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqBMzJB3voP6acB2DdfTb+n3vL8yCvD2A1u+9v6rUHQ";

class InvitationsTest : public testing::Test {
protected:
    TemporaryDirectory folder{"/tmp"};
    std::string path = folder.path() / "seed.db";
};

template <typename Action>
std::string refusal(Code code, Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), code) << failure.what();
        return failure.what();
    }
    ADD_FAILURE() << "it was not refused";
    return {};
}

}  // namespace

TEST_F(InvitationsTest, Are_kept_one_for_each_key_and_go_together) {
    {
        state::Store store(path);
        Invitations invitations(store);
        EXPECT_EQ(invitations.add("shop", {{"key a", "alice", 1}, {"key a", "again", 1}}), 1u);
        EXPECT_EQ(invitations.add("shop", {{"key a", "somebody", 2}, {"key b", "", 3}}), 1u);   // the first one stays
        EXPECT_EQ(invitations.add("app", {{"key a", "", 4}}), 1u);
    }
    state::Store store(path);
    Invitations invitations(store);
    auto shop = invitations.of("shop");
    ASSERT_EQ(shop.size(), 2u);
    EXPECT_EQ(shop[0].key + shop[0].comment + std::to_string(shop[0].created_ms) + shop[1].key, "key aalice1key b");
    EXPECT_EQ(invitations.all().size(), 2u);
    EXPECT_TRUE(invitations.of("other").empty());
    EXPECT_EQ(invitations.remove("shop"), 2u);
    EXPECT_EQ(invitations.remove("shop"), 0u);
    EXPECT_EQ(invitations.all().size(), 1u);
}

TEST_F(InvitationsTest, Have_limits_and_then_nothing_is_added) {
    state::Store store(path);
    Invitations invitations(store);
    std::vector<InvitedKey> many;
    for (int i = 0; i < 65; ++i) many.push_back({"key " + std::to_string(i), "", 1});
    EXPECT_THAT(refusal(Code::limit, [&] { invitations.add("shop", many); }), HasSubstr("at most 64 keys"));
    EXPECT_TRUE(invitations.all().empty());
    std::string kept;
    for (int i = 0; i < 1000; ++i) kept += (kept.empty() ? "{" : ",") + std::string("\"r") + std::to_string(i) + "\":[{\"key\":\"key\"}]";
    store.set_setting("invitations", kept + "}");
    EXPECT_THAT(refusal(Code::limit, [&] { invitations.add("one-more", {{"key", "", 1}}); }), HasSubstr("1000 invitations are waiting"));
    EXPECT_EQ(invitations.add("r1", {{"other", "", 1}}), 1u);
    EXPECT_EQ(invitations.all().size(), 1000u);
}

TEST_F(InvitationsTest, Are_not_changed_when_the_disk_is_full) {
    state::Store store(path);
    Invitations invitations(store);
    invitations.add("shop", {{"key", "", 1}});
    store.refuse_writes(true);
    EXPECT_THROW(invitations.add("app", {{"key", "", 1}}), std::exception);
    EXPECT_THROW(invitations.remove("shop"), std::exception);
    store.refuse_writes(false);
    EXPECT_EQ(invitations.all().size(), 1u);
    EXPECT_EQ(invitations.of("shop").size(), 1u);
}

TEST(InvitedKey, Is_a_line_of_a_public_key_file) {
    auto key = parse_invited_key("  " + a + "  alice's \x1b[31mlaptop \r", 7);
    EXPECT_EQ(key.key, a);
    EXPECT_EQ(key.comment, "alice's ?[31mlaptop");
    EXPECT_EQ(key.created_ms, 7);
    EXPECT_EQ(parse_invited_key(a, 7).comment, "");
    EXPECT_EQ(parse_invited_key(a + " " + std::string(5000 - a.size(), 'x').substr(0, 1000), 7).comment.size(), 100u);
    for (const std::string &text : {std::string("hello"), std::string(""), a.substr(0, a.size() - 4), a + std::string(5000, ' '), "command=\"x\" " + a, std::string("\x1b]0;x\x07")})
        EXPECT_THAT(refusal(Code::invalid, [&] { parse_invited_key(text, 7); }), HasSubstr("is no public SSH key: give a whole line of a .pub file"));
    EXPECT_THAT(refusal(Code::invalid, [&] { parse_invited_key("-----BEGIN OPENSSH PRIVATE KEY-----secret", 7); }), testing::Not(HasSubstr("secret")));
}
