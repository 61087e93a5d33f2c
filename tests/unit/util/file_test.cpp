#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/replace_file.h>

using namespace seed;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path &path) {
    struct stat status {};
    return stat(path.c_str(), &status) ? 0 : status.st_mode & 07777;
}

template <typename Action>
Code code_of(Action action) {
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return Code::ok;
}

}  // namespace

TEST(File, writes_atomically_with_the_mode_and_leaves_nothing_behind) {
    TemporaryDirectory folder("/tmp");
    fs::path path = folder.path() / "file";
    umask(077);
    write_file_atomically(path, "one", 0640);
    write_file_atomically(path, "two", 0604);
    umask(022);
    EXPECT_EQ(read_file(path), "two");
    EXPECT_EQ(mode_of(path), 0604u);
    EXPECT_EQ(code_of([&] { write_file_atomically(folder.path() / "none/file", "x"); }), Code::not_found);
    fs::create_directory(folder.path() / "taken");
    EXPECT_NE(code_of([&] { write_file_atomically(folder.path() / "taken", "x"); }), Code::ok);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2) << "no temporary file stays";
}

TEST(File, is_replaced_as_a_whole_and_stays_when_that_fails) {
    TemporaryDirectory folder("/tmp");
    fs::path path = folder.path() / "file";
    replace_file(path, "one", 0640);
    UniqueFd reader = open_file(path, O_RDONLY);
    replace_file(path, "two", 0604);
    EXPECT_EQ(read_all(reader.get()), "one") << "who reads the old one reads it to its end";
    EXPECT_EQ(read_file(path), "two");
    EXPECT_EQ(mode_of(path), 0604u);
    fs::create_directory(folder.path() / "taken");
    EXPECT_NE(code_of([&] { replace_file(folder.path() / "taken", "x"); }), Code::ok);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2) << "no temporary file stays";
}

TEST(File, reads_with_a_limit) {
    TemporaryDirectory folder("/tmp");
    write_file(folder.path() / "file", std::string(10000, 'x'));
    EXPECT_EQ(read_file(folder.path() / "file", 10000).size(), 10000u);
    EXPECT_EQ(code_of([&] { read_file(folder.path() / "file", 9999); }), Code::limit);
    EXPECT_EQ(code_of([&] { read_file(folder.path() / "none"); }), Code::not_found);
    EXPECT_FALSE(read_file_if_exists(folder.path() / "none"));
    EXPECT_NE(read_file("/proc/self/status"), "");
    EXPECT_EQ(read_all(file_in_memory("memory").get()), "memory");
}

TEST(File, makes_directories_with_exactly_the_mode) {
    TemporaryDirectory folder("/tmp");
    make_directory(folder.path() / "a/b/c/", 0711);
    EXPECT_EQ(mode_of(folder.path() / "a/b/c"), 0711u);
    make_directory(folder.path() / "a/b/c", 0700);
    EXPECT_EQ(mode_of(folder.path() / "a/b/c"), 0700u);
    write_file(folder.path() / "file", "");
    EXPECT_EQ(code_of([&] { make_directory(folder.path() / "file"); }), Code::conflict);
}

TEST(File, removes_temporary_directories_with_locked_folders) {
    fs::path path;
    {
        TemporaryDirectory folder("/tmp", "seed-test-");
        path = folder.path();
        EXPECT_EQ(mode_of(path), 0700u);
        make_directory(path / "locked", 0755);
        write_file(path / "locked/file", "x");
        chmod((path / "locked").c_str(), 0500);
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST(File, knows_where_the_program_lies) {
    EXPECT_TRUE(fs::exists(program_directory() / "unit_util"));
}
