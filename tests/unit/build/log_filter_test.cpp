#include "core/programs/seed-nix-box/log_filter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <seed/util/fd.h>
#include <seed/util/file.h>

using namespace seed;

namespace {

std::string filtered(const std::string &text) {
    UniqueFd in(memfd_create("in", MFD_CLOEXEC)), out(memfd_create("out", MFD_CLOEXEC));
    write_all(in.get(), text);
    lseek(in.get(), 0, SEEK_SET);
    box::LogFilter(out.get()).pump(in.get());
    lseek(out.get(), 0, SEEK_SET);
    return read_all(out.get());
}

TEST(LogFilter, AShortLogPassesUnchanged) {
    EXPECT_EQ(filtered("one\ntwo\n\nthree"), "one\ntwo\n\nthree\n");
}

TEST(LogFilter, ALongLineIsCut) {
    std::string text = filtered(std::string(100000, 'x') + "\nnext\n");
    EXPECT_LT(text.size(), 500u);
    EXPECT_THAT(text, testing::EndsWith("...\nnext\n"));
}

TEST(LogFilter, OfAFloodTheBeginningAndTheEndAreShown) {
    std::string flood;
    for (int i = 0; i < 200000; ++i) flood += "line " + std::to_string(i) + "\n";
    std::string text = filtered(flood);
    EXPECT_LT(text.size(), 50000u);
    EXPECT_THAT(text, testing::StartsWith("line 0\nline 1\n"));
    EXPECT_THAT(text, testing::HasSubstr("lines left out)"));
    EXPECT_THAT(text, testing::EndsWith("line 199999\n"));
}

}  // namespace
