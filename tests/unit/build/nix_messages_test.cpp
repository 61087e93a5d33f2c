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

// As Nix 2.8 prints a failed assertion of a NixOS module: the message begins with an end of line.
TEST(NixMessages, ABareErrorIsNotTheFirstLine) {
    NixMessages messages;
    for (const char *line : {"error: ", "       Failed assertions:", "       - instance web: seed.expose.myapp: no port is known"}) messages.add(line);
    EXPECT_EQ(messages.error_block(), "Failed assertions:\n       - instance web: seed.expose.myapp: no port is known");
    EXPECT_EQ(messages.failure("evaluation failed"), "evaluation failed: Failed assertions:\n       - instance web: seed.expose.myapp: no port is known");
}

// Nix from 2.20 on: the way first, what is wrong last.
TEST(NixMessages, WhatIsWrongComesBeforeTheTraceThatLedToIt) {
    NixMessages messages;
    messages.add("error:");
    messages.add("       \u2026 while evaluating the attribute 'seeds.web.meta'");
    messages.add("         at \u00abnone\u00bb:0: (source not available)");
    for (int i = 0; i < 1000; ++i) messages.add("       \u2026 while calling number " + std::to_string(i));
    messages.add("       error: undefined variable 'x'");
    messages.add("       at /nix/store/" + hash + "-source/flake.nix:3:5:");
    std::string block = messages.error_block();
    EXPECT_THAT(block, testing::StartsWith("error: undefined variable 'x'\n       at flake.nix:3:5:\n       \u2026 while evaluating the attribute 'seeds.web.meta'\n"
                                           "         at \u00abnone\u00bb:0: (source not available)\n"));
    EXPECT_EQ(std::count(block.begin(), block.end(), '\n'), 19);
    EXPECT_THAT(messages.failure("evaluation failed"), testing::StartsWith("evaluation failed: undefined variable 'x'\n"));
}

TEST(NixMessages, NoErrorIsNoSentence) {
    NixMessages messages;
    EXPECT_EQ(messages.failure("build failed"), "build failed");
    messages.add("error:");
    EXPECT_EQ(messages.error_block(), "");
    EXPECT_EQ(messages.failure("build failed"), "build failed");
}

// What Nix 2.8 prints when the program of a derivation cannot be executed.
TEST(NixMessages, ABuilderThatCannotBeStartedIsNamedWithTheReason) {
    using namespace std::string_literals;
    const std::string frame = "absent> \5\0\0\0\0\0\0\0Error\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0Error\0\0\0F\0\0\0\0\0\0\0"
                              "executing '/bin/bash': No such file or directory\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s;
    NixMessages messages;
    messages.add("absent> \1");
    messages.add(frame);
    messages.add("error: builder for '/nix/store/" + hash + "-absent.drv' failed with exit code 1");
    EXPECT_EQ(messages.failed_builder(), "absent, the end of its log:\n  could not be started: executing '/bin/bash': No such file or directory");
    EXPECT_EQ(progress_line(frame), "absent> could not be started: executing '/bin/bash': No such file or directory");
    EXPECT_EQ(progress_line("absent> \1"), "");
    // A builder may print the same; nothing but printable text comes of it.
    for (const auto &text : {"x> \5\0\0\0\0\0\0\0Error"s, "x> \5\0\0\0\0\0\0\0Error\0\x1b[31m\xff\0\0"s})
        for (unsigned char character : progress_line(text)) EXPECT_TRUE(character >= ' ' && character < 127) << progress_line(text);
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
