#include "plugins/storage-localpath/volume_files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>

namespace seed::localpath {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr uint64_t mebibyte = 1u << 20;
const std::string volume = "s-a/web/data";

Code code_of(const std::function<void()> &act) {
    try {
        act();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

// e2fsck -n changes nothing; 0 says that the file system is whole.
bool is_whole(const fs::path &image) {
    SpawnOptions options;
    options.arguments = {"/usr/sbin/e2fsck", "-f", "-n", image};
    return run(std::move(options), seconds(60)).status.ok();
}

std::vector<std::string> names_below(const fs::path &folder) {
    std::vector<std::string> found;
    for (const auto &entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
}

struct volume_files : testing::Test {
    TemporaryDirectory temporary{fs::temp_directory_path(), "seed-volumes-"};
    fs::path folder = temporary.path() / "volumes";
    VolumeFiles files{folder};
};

TEST_F(volume_files, a_new_volume_is_sparse_formatted_private_and_listed) {
    VolumeFile made = files.create(volume, 64 * mebibyte, seconds(60));
    EXPECT_EQ(made.path, folder / "s-a/web/data.img");
    EXPECT_EQ(made.size_bytes, 64 * mebibyte);
    EXPECT_EQ(fs::file_size(made.path), 64 * mebibyte);
    EXPECT_LT(made.used_bytes, 32 * mebibyte);
    EXPECT_GT(made.created_ms, 0);
    EXPECT_TRUE(is_whole(made.path));
    struct stat info {};
    ASSERT_EQ(stat(made.path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    ASSERT_EQ(stat((folder / "s-a/web").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
    ASSERT_EQ(files.list().size(), 1u);
    EXPECT_EQ(files.list()[0].volume, volume);
    EXPECT_EQ(names_below(folder), (std::vector<std::string>{"data.img", "data.json", "mke2fs.conf"}));
}

TEST_F(volume_files, creating_again_keeps_the_content) {
    VolumeFile made = files.create(volume, 16 * mebibyte, seconds(60));
    {
        std::fstream image(made.path, std::ios::in | std::ios::out | std::ios::binary);
        image.seekp(12 * mebibyte);
        image << "precious";
    }
    VolumeFile again = files.create(volume, 16 * mebibyte, seconds(60));
    EXPECT_EQ(again.created_ms, made.created_ms);
    EXPECT_EQ(files.create(volume, 32 * mebibyte, seconds(60)).size_bytes, 32 * mebibyte);
    EXPECT_EQ(files.create(volume, 8 * mebibyte, seconds(60)).size_bytes, 32 * mebibyte) << "a larger volume stays as it is";
    std::string content = read_file(made.path, 64 * mebibyte);
    EXPECT_EQ(content.substr(12 * mebibyte, 8), "precious");
    EXPECT_TRUE(is_whole(made.path)) << "growing the image does not touch the file system";
}

TEST_F(volume_files, grows_and_refuses_to_shrink) {
    files.create(volume, 16 * mebibyte, seconds(60));
    EXPECT_EQ(files.grow(volume, 24 * mebibyte).size_bytes, 24 * mebibyte);
    EXPECT_EQ(files.grow(volume, 24 * mebibyte).size_bytes, 24 * mebibyte);
    EXPECT_EQ(code_of([&] { files.grow(volume, 16 * mebibyte); }), Code::invalid);
    EXPECT_EQ(files.find(volume).size_bytes, 24 * mebibyte);
    EXPECT_EQ(code_of([&] { files.grow("s-a/web/none", 16 * mebibyte); }), Code::not_found);
}

TEST_F(volume_files, names_cannot_leave_the_folder) {
    for (const char *bad : {"", "a", "a/b", "a/b/c/d", "../b/c", "a/../c", "a/b/..", "/a/b", "a//c", "a/b/", "A/b/c", "a/b/c.img",
                            "a/b/.new-1", "a/b/c\n"}) {
        EXPECT_EQ(code_of([&] { files.create(bad, 16 * mebibyte, seconds(60)); }), Code::invalid) << bad;
        EXPECT_EQ(code_of([&] { files.find(bad); }), Code::invalid) << bad;
        EXPECT_EQ(code_of([&] { files.remove(bad); }), Code::invalid) << bad;
    }
    EXPECT_EQ(code_of([&] { files.create(volume, 0, seconds(60)); }), Code::invalid);
    EXPECT_EQ(code_of([&] { files.create(volume, (uint64_t{1} << 50) + 1, seconds(60)); }), Code::invalid);
    EXPECT_TRUE(names_below(temporary.path()).empty());
}

TEST_F(volume_files, a_symbolic_link_in_place_of_an_image_is_not_followed) {
    fs::create_directories(folder / "s-a/web");
    fs::path outside = temporary.path() / "outside";
    std::ofstream(outside) << "secret";
    fs::create_symlink(outside, folder / "s-a/web/data.img");
    EXPECT_NE(code_of([&] { files.find(volume); }), Code::ok);
    EXPECT_NE(code_of([&] { files.create(volume, 16 * mebibyte, seconds(60)); }), Code::ok);
    EXPECT_EQ(read_file(outside), "secret");
}

TEST_F(volume_files, removing_takes_everything_and_may_be_repeated) {
    files.create(volume, 16 * mebibyte, seconds(60));
    files.create("s-a/web/other", 16 * mebibyte, seconds(60));
    files.remove(volume);
    files.remove(volume);
    EXPECT_EQ(code_of([&] { files.find(volume); }), Code::not_found);
    EXPECT_EQ(files.list().size(), 1u);
    files.remove("s-a/web/other");
    EXPECT_EQ(names_below(folder), std::vector<std::string>{"mke2fs.conf"});
    EXPECT_FALSE(fs::exists(folder / "s-a"));
}

TEST_F(volume_files, works_in_the_cage_of_a_plugin_host) {
    change_owner(temporary.path(), uids::plugin_base, uids::plugin_base);
    fs::remove_all(folder);
    fs::permissions(temporary.path(), fs::perms::owner_all);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        int status = 1;
        try {
            Cage cage;
            cage.uid = uids::plugin_base;
            cage.write = {temporary.path()};
            enter_cage(cage);
            VolumeFiles(folder).create(volume, 32 * mebibyte, seconds(60));
            status = 0;
        } catch (const std::exception &error) {
            fprintf(stderr, "%s\n", error.what());
        }
        _exit(status);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(is_whole(folder / "s-a/web/data.img"));
}

TEST_F(volume_files, killed_while_creating_leaves_nothing_or_the_whole_volume) {
    std::mt19937 random(20261121);
    for (int round = 0; round < 25; ++round) {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            try {
                VolumeFiles mine(folder);
                for (int i = 0; i < 100; ++i)
                    mine.create("s-a/web/v" + std::to_string(round) + "-" + std::to_string(i), 16 * mebibyte, seconds(60));
            } catch (...) {
            }
            _exit(0);
        }
        usleep(random() % 60'000);  // a random point of the work, not a wait for something
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    for (const auto &file : VolumeFiles(folder).list()) {
        EXPECT_EQ(file.size_bytes, 16 * mebibyte);
        EXPECT_TRUE(is_whole(file.path)) << file.path;
        EXPECT_GT(file.created_ms, 0);
    }
    // A formatter that the killed process was just starting holds the last file's lock until it runs or ends.
    auto leftovers = [&] {
        VolumeFiles again(folder);
        std::vector<std::string> names = names_below(folder);
        return std::count_if(names.begin(), names.end(), [](const auto &name) { return name.starts_with(".new-"); });
    };
    auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (leftovers() != 0 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
    EXPECT_EQ(leftovers(), 0);
}

}  // namespace
}  // namespace seed::localpath
