#include "core/build/nix_messages.h"

#include <gmock/gmock.h>

using seed::build::NixMessages;
using seed::build::progress_line;
using testing::HasSubstr;
using testing::Not;

namespace {

const std::string hash = "xq8faahlsfg6vr9wx81ic2nysc2zakir";

TEST(NixMessages, TheErrorBlockStartsAtTheErrorAndNamesFilesWithoutStorePaths) {
    NixMessages messages;
    messages.add("warning: you don't have Internet access; disabling some network-dependent features");
    messages.add("trace: something before");
    messages.add("error: undefined variable 'x'");
    messages.add("");
    messages.add("       at /nix/store/" + hash + "-source/flake.nix:3:5:");
    messages.add("(use '--show-trace' to show detailed location information)");
    EXPECT_EQ(messages.error_block(), "error: undefined variable 'x'\n       at flake.nix:3:5:");
}

TEST(NixMessages, TheErrorBlockIsAtMostTwentyPrintableLines) {
    NixMessages messages;
    messages.add("error: \x1b[31mred");
    for (int i = 0; i < 100; ++i) messages.add("more");
    std::string block = messages.error_block();
    EXPECT_EQ(std::count(block.begin(), block.end(), '\n'), 19);
    EXPECT_THAT(block, Not(HasSubstr("\x1b")));
}

TEST(NixMessages, AFailedBuilderIsShownWithTheEndOfItsOwnLog) {
    NixMessages messages;
    for (int i = 0; i < 30; ++i) messages.add("thing> line " + std::to_string(i));
    messages.add("other> not mine");
    messages.add("error: builder for '/nix/store/" + hash + "-thing.drv' failed with exit code 3");
    std::string text = messages.failed_builder();
    EXPECT_THAT(text, HasSubstr("thing, the end of its log:\n  line 20\n"));
    EXPECT_THAT(text, HasSubstr("line 29"));
    EXPECT_THAT(text, Not(HasSubstr("not mine")));
    EXPECT_THAT(text, Not(HasSubstr("line 19")));
}

TEST(NixMessages, MalformedStorePathsDoNoHarm) {
    NixMessages messages;
    for (const char *line : {"error: builder for '/nix/store/' failed", "error: builder for '/nix/store/.drv'",
                             "error: builder for ", "error: /nix/store/x-source/", "> ", ">"})
        messages.add(line);
    messages.error_block();
    EXPECT_EQ(messages.failed_builder(), "");
}

TEST(NixMessages, ProgressShowsWhatIsBuiltAndWhatBuildersSay) {
    EXPECT_EQ(progress_line("building '/nix/store/" + hash + "-hello.drv'..."), "building hello");
    EXPECT_EQ(progress_line("hello> compiling\a"), "hello> compiling?");
    EXPECT_EQ(progress_line("warning: you don't have Internet access; disabling"), "");
    EXPECT_EQ(progress_line("error: said later"), "");
    EXPECT_EQ(progress_line(""), "");
}

}  // namespace
