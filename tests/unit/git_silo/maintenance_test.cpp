// Background work on real repositories, with the real git, also when it is killed.
#include <gtest/gtest.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include <chrono>
#include <random>
#include <thread>

#include "plugins/git-silo/git_objects.h"
#include "plugins/git-silo/maintenance.h"

using namespace seed;
using namespace seed::silo;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

class Kept : public testing::Test {
protected:
    TemporaryDirectory root{fs::temp_directory_path(), "seed-silo-"};
    Repositories repositories{root.path() / "repositories"};
    Activity activity;
    fs::path bare = root.path() / "repositories/app.git", work = root.path() / "work";
    std::vector<std::string> log;
    int commits = 0;

    void SetUp() override {
        repositories.create("app");
        git({"-C", bare.string(), "config", "receive.unpackLimit", "1"});  // as our conversations have it
        git({"init", "-q", "-b", "main", work.string()});
    }
    std::string git(std::vector<std::string> arguments) {
        SpawnOptions options;
        options.arguments = {"/usr/bin/git"};
        options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
        options.environment = {"PATH=/usr/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
                               "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"};
        auto result = seed::run(options, 2min, 1u << 20);
        EXPECT_TRUE(result.status.ok()) << arguments[0] << " " << result.err;
        return std::string(trim(result.out));
    }
    // One more commit on `branch`, pushed as a conversation would.
    std::string push(const std::string &branch = "main") {
        ++commits;
        write_file(work / "file", "content " + std::to_string(commits) + std::string(2000, char('a' + commits % 26)));
        git({"-C", work.string(), "add", "file"});
        git({"-C", work.string(), "commit", "-q", "-m", std::to_string(commits)});
        auto guard = activity.enter(bare);
        git({"-C", work.string(), "push", "-q", "-f", bare.string(), "HEAD:refs/heads/" + branch});
        return git({"-C", work.string(), "rev-parse", "HEAD"});
    }
    size_t files(const fs::path &folder, const std::string &ending) const {
        size_t count = 0;
        for (auto &entry : fs::recursive_directory_iterator(bare / folder)) count += entry.is_regular_file() && entry.path().string().ends_with(ending);
        return count;
    }
    bool has(const std::string &commit) {
        SpawnOptions options;
        options.arguments = {"/usr/bin/git", "-C", bare.string(), "cat-file", "-e", commit};
        options.environment = {"PATH=/usr/bin"};
        return seed::run(options, 1min).status.ok();
    }
    static MaintenanceSettings eager(std::chrono::seconds full_every = 24h) {
        MaintenanceSettings settings;
        settings.quiet = 0ms;
        settings.packs = 4;
        settings.loose_refs = 3;
        settings.full_every = full_every;
        return settings;
    }
    std::function<void(const std::string &)> logger() {
        return [this](const std::string &text) { log.push_back(text); };
    }
};

}  // namespace

TEST_F(Kept, ManyPacksBecomeFewAndNothingIsLost) {
    std::string last;
    for (int i = 0; i < 12; ++i) last = push();
    EXPECT_EQ(files("objects/pack", ".pack"), 12u);
    Maintenance maintenance(repositories, activity, logger(), eager());
    maintenance.look_after("app");
    EXPECT_LE(files("objects/pack", ".pack"), 4u);
    EXPECT_EQ(files("objects/pack", "multi-pack-index"), 1u);
    EXPECT_EQ(files("objects/info", "commit-graph"), 1u);
    git({"-C", bare.string(), "fsck", "--strict"});
    EXPECT_EQ(git({"-C", bare.string(), "rev-list", "--count", "main"}), "12");
    EXPECT_EQ(resolve(bare, "").commit, last);  // libgit2 reads what git wrote
}

TEST_F(Kept, AQuietRepositoryIsLeftAlone) {
    push();
    Maintenance maintenance(repositories, activity, logger(), eager());
    maintenance.look_after("app");
    EXPECT_EQ(files("objects/pack", ".pack"), 1u);
    EXPECT_EQ(files("objects/info", "commit-graph"), 0u);
    EXPECT_THROW(maintenance.look_after("nothing"), Failure);
}

TEST_F(Kept, ManyLooseRefsArePacked) {
    std::string head = push();
    for (int i = 0; i < 10; ++i) git({"-C", bare.string(), "update-ref", "refs/heads/b" + std::to_string(i), head});
    Maintenance maintenance(repositories, activity, logger(), eager());
    maintenance.look_after("app");
    EXPECT_EQ(files("refs", ""), 0u);
    EXPECT_EQ(count_refs(bare, 100), 11u);
}

TEST_F(Kept, WhatNoRefReachesIsSetApartAndGoesAfterItsDayWithoutBecomingLooseFiles) {
    push();
    std::string doomed = push("side");
    git({"-C", work.string(), "reset", "-q", "--hard", "HEAD~1"});
    std::string kept = push();
    git({"-C", bare.string(), "branch", "-D", "side"});
    auto age = [&](const fs::path &path, std::chrono::minutes ago) { fs::last_write_time(path, fs::file_time_type::clock::now() - ago); };
    Maintenance maintenance(repositories, activity, logger(), eager(1h));
    maintenance.look_after("app");  // the first day begins
    EXPECT_EQ(files("objects/pack", ".pack"), 3u);
    age(bare / "seed-full-repack", 90min);
    maintenance.look_after("app");
    EXPECT_EQ(files("objects/pack", ".mtimes"), 1u);
    EXPECT_TRUE(has(doomed)) << "dropped before its time";
    maintenance.look_after("app");  // today's work is done
    EXPECT_EQ(files("objects/pack", ".pack"), 2u);

    // An old pack without a time for each object: its own time counts.
    for (auto &entry : fs::directory_iterator(bare / "objects/pack"))
        if (entry.path().extension() == ".mtimes") fs::remove(entry.path());
    for (auto &entry : fs::directory_iterator(bare / "objects/pack")) age(entry.path(), 120min);
    age(bare / "seed-full-repack", 180min);
    maintenance.look_after("app");
    EXPECT_FALSE(has(doomed));
    EXPECT_TRUE(has(kept));
    EXPECT_EQ(files("objects/pack", ".pack"), 1u);
    for (auto &entry : fs::directory_iterator(bare / "objects")) EXPECT_NE(entry.path().filename().string().size(), 2u) << entry.path();
    git({"-C", bare.string(), "fsck", "--strict"});
}

// The destructor kills the git that is running: wherever it happens to be, nothing is lost and the next push finds no lock.
TEST_F(Kept, KilledAtAnyMomentBesidePushesItLosesNothing) {
    std::mt19937 random(20261121);
    std::vector<std::string> pushed;
    for (int round = 0; round < 25; ++round) {
        Maintenance maintenance(repositories, activity, logger(), eager(0s));
        maintenance.pushed("app");
        pushed.push_back(push());
        if (round % 3 == 0) push("side" + std::to_string(round));
        maintenance.pushed("app");
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 80));  // the moment of death, not a wait
    }
    pushed.push_back(push());
    git({"-C", bare.string(), "fsck", "--strict"});
    for (auto &commit : pushed) EXPECT_TRUE(has(commit));
    { auto guard = activity.enter(bare); }
    git({"-C", bare.string(), "pack-refs", "--all"});
    for (auto &line : log) ADD_FAILURE() << line;
}

TEST_F(Kept, WhatAKilledPushLeftIsRemovedBeforeTheNextAndOnlyThen) {
    push();
    auto leave = [&] {
        for (auto path : {"HEAD.lock", "packed-refs.lock", "packed-refs.new", "refs/heads/main.lock", "objects/pack/tmp_pack_x", "objects/info/commit-graph.lock"})
            write_file(bare / path, "x");
        make_directory(bare / "objects/tmp_objdir-incoming-x/pack");
        write_file(bare / "objects/tmp_objdir-incoming-x/pack/tmp_pack_y", "x");
    };
    leave();
    {
        auto first = activity.enter(bare);  // known to be clean: nobody was killed
        EXPECT_TRUE(fs::exists(bare / "HEAD.lock"));
        first.killed();
        auto second = activity.enter(bare);  // somebody is at work: the locks may be his
        EXPECT_TRUE(fs::exists(bare / "HEAD.lock"));
    }
    push();
    EXPECT_FALSE(fs::exists(bare / "HEAD.lock"));
    EXPECT_FALSE(fs::exists(bare / "objects/tmp_objdir-incoming-x"));
    EXPECT_EQ(files("", ".lock"), 0u);
    EXPECT_EQ(files("objects/pack", ".pack"), 2u);
    leave();
    Activity after_a_start;
    { auto guard = after_a_start.enter(bare); }
    EXPECT_EQ(files("", ".lock"), 0u);
    EXPECT_EQ(files("", ".new"), 0u);
    git({"-C", bare.string(), "pack-refs", "--all"});
}

TEST_F(Kept, ALinkOutOfTheRepositoryIsNotFollowed) {
    fs::path outside = root.path() / "outside";
    make_directory(outside);
    write_file(outside / "x.lock", "x");
    fs::create_directory_symlink(outside, bare / "refs/heads/link");
    { auto guard = activity.enter(bare); }
    EXPECT_TRUE(fs::exists(outside / "x.lock"));
}
