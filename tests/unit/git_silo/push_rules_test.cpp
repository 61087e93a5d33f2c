#include <gtest/gtest.h>

#include <seed/util/failure.h>

#include "plugins/git-silo/conversation.h"
#include "plugins/git-silo/push_rules.h"
#include "plugins/git-silo/repositories.h"

using namespace seed::silo;

TEST(PushRules, BranchesAndTagsMayBePushed) {
    for (auto ref : {"refs/heads/main", "refs/heads/a/b", "refs/tags/v1.0", "refs/heads/größe"})
        EXPECT_TRUE(is_branch_or_tag(ref)) << ref;
}

TEST(PushRules, EverythingElseMayNot) {
    for (auto ref :
         {"refs/heads/-a", "refs/heads/a/-b", "refs/heads/.a", "refs/heads/", "refs/notes/a", "HEAD", "refs/heads/HEAD",
          "refs/heads/a\tb", "refs/heads/a\x1b", "refs/heads/\xff", "refs/heads//a", "refs/headsx/a", ""})
        EXPECT_FALSE(is_branch_or_tag(ref)) << ref;
    EXPECT_FALSE(is_branch_or_tag("refs/heads/" + std::string(300, 'a')));
}

TEST(PushRules, UpdatesAreReadAsGitWritesThem) {
    std::string old_id(40, '0'), new_id(40, 'a');
    auto updates = parse_updates(old_id + " " + new_id + " refs/heads/main\n" + new_id + " " + old_id + " refs/tags/a b\n");
    ASSERT_EQ(updates.size(), 2u);
    EXPECT_EQ(updates[0].ref, "refs/heads/main");
    EXPECT_EQ(updates[0].new_commit, new_id);
    EXPECT_EQ(updates[1].ref, "refs/tags/a b");
    for (auto bad : {"x", "refs/heads/main", "0000 1111 refs/heads/x"}) EXPECT_THROW(parse_updates(bad), seed::Failure) << bad;
    EXPECT_THROW(parse_updates(old_id + " " + new_id + " "), seed::Failure);
}

TEST(PushRules, ManyRefsAtOnceAreRefused) {
    std::vector<seed::git::RefUpdate> updates(1001, {"refs/heads/a", "", ""});
    EXPECT_TRUE(objection(updates, {}).has_value());
    updates.pop_back();
    EXPECT_FALSE(objection(updates, {}).has_value());
}

TEST(PushRules, PushOptionsAreFewAndShortAndPlain) {
    EXPECT_FALSE(objection({}, {"nowait", "wait=30", "message=größe ok"}));
    EXPECT_FALSE(objection({}, std::vector<std::string>(64, "a")));
    EXPECT_TRUE(objection({}, std::vector<std::string>(65, "a")));
    EXPECT_FALSE(objection({}, {std::string(1024, 'a')}));
    EXPECT_TRUE(objection({}, {std::string(1025, 'a')}));
    EXPECT_FALSE(objection({}, std::vector<std::string>(16, std::string(1024, 'a'))));
    EXPECT_TRUE(objection({}, std::vector<std::string>(17, std::string(1024, 'a'))));
    for (auto bad : {"", "a\x1b", "a\tb", "a\nb", "\xff"}) EXPECT_TRUE(objection({}, {bad})) << bad;
}

TEST(Repositories, NamesAreSafePaths) {
    for (auto name : {"a", "my-app", "a.b_c", "0"}) EXPECT_TRUE(valid_name(name)) << name;
    for (auto name : {"", ".", "..", "a/b", "../a", "-a", "a-", ".a", "a..b", "A", "a.git", "a.lock", "a b", "ä"})
        EXPECT_FALSE(valid_name(name)) << name;
    EXPECT_FALSE(valid_name(std::string(65, 'a')));
}

TEST(Protocol, OnlyWhatGitUsesIsPassedOn) {
    for (auto text : {"version=0", "version=1", "version=2", "version=2:object-format=sha1"})
        EXPECT_TRUE(valid_protocol(text)) << text;
    for (auto text : {"", "version=", "version=3", "version=22", "version=2;x", "version=2:$(x)", "version=2:\n", "x=2"})
        EXPECT_FALSE(valid_protocol(text)) << text;
}
