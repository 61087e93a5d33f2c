#include "plugins/runtime-clh/file_access.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/process.h>

namespace seed::clh {
namespace {

size_t entries(const std::string &list) {
    return (list.size() - 4) / 8;
}

TEST(FileAccess, AnEntryIsAddedOnceAndTheOwnersRightsStay) {
    std::string one = with_entry("", 0600, 670001, true, 4);
    EXPECT_EQ(entries(one), 5u) << "owner, user, group, mask, others";
    EXPECT_EQ(with_entry(one, 0660, 670001, true, 4), one);
    std::string two = with_entry(one, 0660, 670002, false, 4);
    EXPECT_EQ(entries(two), 6u);
    EXPECT_EQ(entries(with_entry(two, 0660, 670003, false, 2)), 6u) << "the lowest number goes";
    EXPECT_EQ(entries(with_entry(two, 0660, 5, false, 1)), 5u) << "the new one stays, whatever its number";
    for (const std::string &crooked : {std::string("x"), std::string("\2\0\0\0x", 5), std::string("\3\0\0\0", 4)})
        EXPECT_THROW(with_entry(crooked, 0600, 1, false, 4), Failure);
}

TEST(FileAccess, ExactlyTheMachinesUserCanOpenTheVolumeAgainThroughItsDescriptor) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    TemporaryDirectory folder("/tmp", "seed-access-");
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0711));
    std::filesystem::path path = folder.path() / "volume";
    write_file(path, "content", 0600);
    ASSERT_EQ(chown(path.c_str(), 665701, 665701), 0);   // a storage provider's
    UniqueFd file = open_file(path, O_RDWR);
    try {
        give_access(file.get(), 670001, true, 1, "the volume");
    } catch (const Failure &failure) {
        if (failure.code() == Code::unsupported) GTEST_SKIP() << failure.what();
        throw;
    }
    auto can_write = [&](uid_t uid) {
        SpawnOptions options;
        options.arguments = {"/bin/sh", "-c", "exec 4<> /proc/self/fd/3"};
        options.descriptors = {{file.get(), 3}};
        Cage cage;
        cage.uid = uid;
        cage.landlock = cage.seccomp = false;
        options.cage = cage;
        return run(options, std::chrono::seconds(30)).status.ok();
    };
    EXPECT_TRUE(can_write(670001));
    EXPECT_FALSE(can_write(670002));
    EXPECT_TRUE(can_write(665701)) << "its owner, who makes it larger or removes it";
    give_access(file.get(), 670002, true, 1, "the volume");
    EXPECT_FALSE(can_write(670001)) << "the machine before";
    EXPECT_TRUE(can_write(670002));
}

}  // namespace
}  // namespace seed::clh
