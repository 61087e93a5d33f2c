#include "core/access/authorized_keys.h"

#include <gtest/gtest.h>

using namespace seed::access;

namespace {
const std::string a = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqBMzJB3voP6acB2DdfTb+n3vL8yCvD2A1u+9v6rUHQ";
}

TEST(AuthorizedKeys, A_line_with_a_comment_names_its_key) {
    EXPECT_EQ(parse_authorized_keys(a + " someone@somewhere\n"), std::vector<std::string>{a});
}

TEST(AuthorizedKeys, Options_with_quoted_blanks_are_skipped) {
    EXPECT_EQ(parse_authorized_keys("command=\"echo \\\"hi there\\\"\",no-pty " + a), std::vector<std::string>{a});
}

TEST(AuthorizedKeys, Comments_empty_lines_and_windows_line_ends_are_fine) {
    EXPECT_EQ(parse_authorized_keys("# me\r\n\r\n  " + a + "\r\n"), std::vector<std::string>{a});
}

TEST(AuthorizedKeys, A_prefix_of_a_key_is_no_key) {
    EXPECT_TRUE(parse_authorized_keys(a.substr(0, a.size() - 8)).size() <= 1);
    EXPECT_NE(canonical_key(a.substr(0, a.size() - 8)), a);
}

TEST(AuthorizedKeys, A_key_inside_a_comment_does_not_count) {
    EXPECT_TRUE(parse_authorized_keys("# " + a).empty());
    EXPECT_TRUE(parse_authorized_keys("ssh-ed25519 nonsense " + a).empty());
}

TEST(AuthorizedKeys, The_type_must_agree_with_the_key_itself) {
    EXPECT_TRUE(canonical_key("ssh-rsa " + a.substr(a.find(' ') + 1)).empty());
}

TEST(AuthorizedKeys, A_certificate_authority_names_no_person) {
    EXPECT_TRUE(parse_authorized_keys("cert-authority " + a).empty());
}

TEST(AuthorizedKeys, Garbage_is_ignored) {
    EXPECT_TRUE(parse_authorized_keys(std::string("\0\xff\xfe \" \\ \n\"\"\"", 12)).empty());
    EXPECT_TRUE(canonical_key("").empty());
    EXPECT_TRUE(canonical_key("ssh-ed25519").empty());
}

TEST(AuthorizedKeys, A_key_that_was_cut_short_is_not_whole) {
    EXPECT_TRUE(is_whole_key(a));
    const std::string type = "ssh-ed25519 ";
    for (size_t length = type.size(); length < a.size(); ++length) EXPECT_FALSE(is_whole_key(canonical_key(a.substr(0, length)))) << length;
    for (const auto &text : {"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", "ssh-ed25519 /////w=="}) EXPECT_FALSE(is_whole_key(text)) << text;
    EXPECT_EQ(fingerprint_of("no key"), "no key");
    EXPECT_EQ(fingerprint_of(a).substr(0, 7), "SHA256:");
    EXPECT_EQ(fingerprint_of(a).size(), 50u);
}
