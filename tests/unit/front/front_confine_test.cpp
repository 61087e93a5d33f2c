// What a broken-into seed-front would find.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include <seed/util/file.h>
#include <seed/util/process.h>

#include "core/front/front_confine.h"

using namespace seed;

namespace {

// In a process that has confined itself; 0: it could, 1: it could not, 2: it could not even confine itself.
int tried(const std::function<bool()> &attempt) {
    pid_t child = fork();
    if (child == 0) {
        try {
            front::confine();
        } catch (const std::exception &error) {
            dprintf(2, "%s\n", error.what());
            _exit(2);
        }
        _exit(attempt() ? 0 : 1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool becomes(uint64_t real, uint64_t effective, uint64_t saved) { return syscall(SYS_setresuid, real, effective, saved) == 0; }
bool joins(uint64_t group) { return syscall(SYS_setresgid, group, group, group) == 0; }

}  // namespace

TEST(FrontConfine, GivesChildrenTheUidsOfSessionsAndHttpAndNoOthers) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    for (uid_t uid : {uids::http, uids::session_base, uids::session_base + 999}) {
        EXPECT_EQ(tried([=] { return joins(uid) && becomes(uid, uid, uid); }), 0) << uid;
    }
    for (uint64_t uid : {uint64_t(0), uint64_t(1000), uint64_t(uids::nix_base), uint64_t(uids::silo), uint64_t(uids::plugin_base), uint64_t(uids::http - 1), uint64_t(uids::edge),
                         uint64_t(uids::pdns), uint64_t(uids::fetch), uint64_t(uids::session_base + 1000), uint64_t(uids::vm_base), uint64_t(1) << 32,
                         (uint64_t(1) << 32) + uids::session_base, ~uint64_t(0)}) {
        uint64_t good = uids::session_base;
        EXPECT_EQ(tried([=] { return becomes(uid, good, good); }), 1) << uid;
        EXPECT_EQ(tried([=] { return becomes(good, uid, good); }), 1) << uid;
        EXPECT_EQ(tried([=] { return becomes(good, good, uid); }), 1) << uid;
        EXPECT_EQ(tried([=] { return joins(uid); }), 1) << uid;
    }
    EXPECT_EQ(tried([] { return syscall(SYS_setuid, 0) == 0; }), 1);
    EXPECT_EQ(tried([] { return syscall(SYS_setreuid, 0, 0) == 0; }), 1);
    EXPECT_EQ(tried([] { return syscall(SYS_setgid, 0) == 0; }), 1);
    EXPECT_EQ(tried([] { return syscall(SYS_setregid, 0, 0) == 0; }), 1);
    gid_t disk = 6;
    EXPECT_EQ(tried([&] { return syscall(SYS_setgroups, 1, &disk) == 0; }), 1);
    EXPECT_EQ(tried([] { return syscall(SYS_setfsuid, 0) >= 0 && geteuid() == 0; }), 1);
}

TEST(FrontConfine, HasNoFilesAndOpensNoConnections) {
    EXPECT_EQ(tried([] { return access("/usr/bin", X_OK) == 0; }), 0);
    if (landlock_abi() > 0) {
        EXPECT_EQ(tried([] { return open("/etc/passwd", O_RDONLY) >= 0; }), 1);
        EXPECT_EQ(tried([] { return open("/tmp/seed-test-confined", O_WRONLY | O_CREAT, 0600) >= 0; }), 1);
    }
    EXPECT_EQ(tried([] { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }), 1);
    EXPECT_EQ(tried([] { return socket(AF_INET6, SOCK_DGRAM, 0) >= 0; }), 1);
    EXPECT_EQ(tried([] { return socket(AF_NETLINK, SOCK_RAW, 0) >= 0; }), 1);
    EXPECT_EQ(tried([] { return unshare(CLONE_NEWUSER) == 0; }), 1);
    EXPECT_EQ(tried([] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), 0) << "the channel to seedd";
}

TEST(FrontConfine, StillStartsChildrenInTheirCages) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(tried([] {
        SpawnOptions options;
        options.arguments = {"/usr/bin/id", "-u"};
        Cage cage;
        cage.uid = uids::session_base + 7;
        options.cage = cage;
        RunResult result = run(options, std::chrono::seconds(60));
        return result.out == std::to_string(uids::session_base + 7) + "\n";
    }), 0);
}
