#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <seed/util/cgroup.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

using namespace seed;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::ExitedWithCode;
using testing::IsEmpty;

namespace {

class CgroupTest : public testing::Test {
protected:
    void SetUp() override {
        if (!Cgroup::available()) GTEST_SKIP() << Cgroup::unavailable_reason();
    }
    void TearDown() override {
        if (Cgroup::available()) Cgroup::remove_owner(owner);
    }
    std::string owner = "test-" + random_hex(6);
};

// Where the groups are is read once per process, so these run in processes of their own.
int unified_groups_are_made_below_the_given_one() {
    std::filesystem::path tree = std::filesystem::exists("/sys/fs/cgroup/cgroup.procs") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    std::filesystem::path holder = tree / ("holder-" + random_hex(6));
    if (geteuid() || !std::filesystem::exists(tree / "cgroup.procs") || mkdir(holder.c_str(), 0755)) return 77;
    setenv("SEED_CONTROL_GROUP", ("/" + holder.filename().string()).c_str(), 1);
    Cgroup group = Cgroup::make("test", "one", {.processes = 20});
    bool below = group.folders().back() == holder / "seed-test/one" && std::filesystem::exists(group.folders().back());
    group.remove();
    bool gone = !rmdir(holder.c_str());
    return below && gone ? 0 : 1;
}

int limits_cannot_be_had_when_the_given_one_is_missing() {
    setenv("SEED_CONTROL_GROUP", "/no-such-holder.service", 1);
    std::string reason = Cgroup::unavailable_reason();
    return !Cgroup::available() && reason.find("no-such-holder.service") != reason.npos && reason.find("SEED_CONTROL_GROUP") != reason.npos ? 0 : 1;
}

}  // namespace

TEST(CgroupDeathTest, is_made_below_the_group_that_the_environment_names) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto done_or_impossible = [](int status) { return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77); };
    EXPECT_EXIT(_exit(unified_groups_are_made_below_the_given_one()), done_or_impossible, "");
}

TEST(CgroupDeathTest, is_refused_when_the_group_that_the_environment_names_is_missing) {
    if (geteuid() != 0) GTEST_SKIP() << "an ordinary user is refused for other reasons before";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(_exit(limits_cannot_be_had_when_the_given_one_is_missing()), ExitedWithCode(0), "");
}

TEST_F(CgroupTest, is_made_adopted_listed_and_removed_twice) {
    Cgroup first = Cgroup::make(owner, "one", {.memory_bytes = 64 << 20, .processes = 20, .cpu_percent = 50});
    EXPECT_FALSE(first.folders().empty());
    Cgroup again = Cgroup::make(owner, "one", {.memory_bytes = 128 << 20, .processes = 30});
    EXPECT_EQ(again.folders(), first.folders());
    Cgroup::make(owner, "two", {});
    EXPECT_THAT(Cgroup::list(owner), ElementsAre("one", "two"));
    first.remove();
    again.remove();
    EXPECT_THAT(Cgroup::list(owner), ElementsAre("two"));
    Cgroup::remove_owner(owner);
    EXPECT_THAT(Cgroup::list(owner), IsEmpty());
    Cgroup last = Cgroup::make(owner, "last", {});
    std::filesystem::path of_owner = last.folders().at(0).parent_path();
    EXPECT_TRUE(std::filesystem::exists(of_owner));
    last.remove();
    EXPECT_FALSE(std::filesystem::exists(of_owner)) << "nothing stays of an owner without groups";
}

TEST_F(CgroupTest, is_removed_by_several_at_once_and_made_by_none_of_them) {
    for (int round = 0; round < 50; ++round) {
        Cgroup::make(owner, "kept", {});
        std::filesystem::path folder = Cgroup::make(owner, "gone", {}).folders().at(0);
        {
            std::vector<std::jthread> removers;
            for (int n = 0; n < 4; ++n) removers.emplace_back([&] { EXPECT_NO_THROW(Cgroup::named(owner, "gone").remove()); });
        }
        EXPECT_FALSE(std::filesystem::exists(folder));
        Cgroup::named(owner, "never").remove();
        EXPECT_THAT(Cgroup::list(owner), ElementsAre("kept"));
    }
}

TEST_F(CgroupTest, refuses_names_that_leave_its_folder) {
    for (const char *bad : {"", "..", ".x", "a/b", "a b"}) {
        EXPECT_THROW(Cgroup::make(owner, bad, {}), Failure) << bad;
        EXPECT_THROW(Cgroup::make(bad, "x", {}), Failure) << bad;
        EXPECT_THROW(Cgroup::named(owner, bad), Failure) << bad;
    }
}

TEST_F(CgroupTest, stops_a_program_that_takes_too_much_memory) {
    Cgroup group = Cgroup::make(owner, "memory", {.memory_bytes = 48 << 20});
    EXPECT_FALSE(group.killed_for_memory());
    RunResult result = run({.arguments = {"python3", "-c", "x = bytearray(200 << 20)"}, .cgroups = group.folders()}, 60s);
    EXPECT_TRUE(result.status.signalled) << result.err;
    EXPECT_TRUE(group.killed_for_memory());
}

TEST_F(CgroupTest, stops_a_program_that_forks_too_much) {
    Cgroup group = Cgroup::make(owner, "pids", {.processes = 5});
    RunResult result = run({.arguments = {"python3", "-c", R"(
import os, time
made = 0
try:
    while made < 50:
        if os.fork() == 0: time.sleep(100); os._exit(0)
        made += 1
except OSError as e: print(made, e.strerror)
)"},
                            .cgroups = group.folders()},
                           60s);
    EXPECT_EQ(result.out, "4 Resource temporarily unavailable\n");
}

TEST_F(CgroupTest, kills_all_its_members_even_those_in_other_sessions) {
    Cgroup group = Cgroup::make(owner, "kill", {});
    Process child =
        Process::spawn({.arguments = {"sh", "-c", "setsid sleep 1000 & setsid sleep 1000 & wait"}, .cgroups = group.folders()});
    group.kill();
    EXPECT_EQ(child.wait(60s).value().code, 128 + 9);
    for (const auto &folder : group.folders()) EXPECT_EQ(read_file(folder / "cgroup.procs"), "");
    group.remove();
    EXPECT_FALSE(group);
}
