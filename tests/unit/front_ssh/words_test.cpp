#include <gtest/gtest.h>

#include <seed/util/failure.h>

#include "core/front/ssh/words.h"

using seed::Failure;
using seed::front::split_words;
using Words = std::vector<std::string>;

TEST(Words, AreSeparatedByBlanks) {
    EXPECT_EQ(split_words("  logs \t web  "), (Words{"logs", "web"}));
}
TEST(Words, SingleQuotesAreLiteral) {
    EXPECT_EQ(split_words("git-upload-pack '/my app\\\"$x.git'"), (Words{"git-upload-pack", "/my app\\\"$x.git"}));
}
TEST(Words, GitsWayOfQuotingAQuoteWorks) {
    EXPECT_EQ(split_words("x 'it'\\''s'"), (Words{"x", "it's"}));
}
TEST(Words, DoubleQuotesKnowTwoEscapes) {
    EXPECT_EQ(split_words(R"("a\"b\\c\d")"), (Words{R"(a"b\c\d)"}));
}
TEST(Words, AnEmptyQuoteIsAWord) {
    EXPECT_EQ(split_words("a '' \"\""), (Words{"a", "", ""}));
}
TEST(Words, NothingIsExpanded) {
    EXPECT_EQ(split_words("a;b |c $(d) `e` *?~ &&"), (Words{"a;b", "|c", "$(d)", "`e`", "*?~", "&&"}));
}
TEST(Words, NoCommandHasNoWords) {
    EXPECT_TRUE(split_words("").empty());
}

TEST(Words, OpenQuotesAndLooseEndsAreRefused) {
    for (std::string_view bad : {"'a", "\"a", "a\\", "\"a\\", "a\nb", "a\rb", "a\x7f", "'a\nb'", "a\\\nb", "a\\\x7f"})
        EXPECT_THROW(split_words(bad), Failure) << bad;
    EXPECT_THROW(split_words(std::string_view("a\0b", 3)), Failure);
}

TEST(Words, TooManyOrTooLongIsRefused) {
    std::string many;
    for (int i = 0; i < 65; ++i) many += "a ";
    EXPECT_THROW(split_words(many), Failure);
    EXPECT_EQ(split_words(many.substr(2)).size(), 64u);
    EXPECT_THROW(split_words(std::string(16385, 'a')), Failure);
}
