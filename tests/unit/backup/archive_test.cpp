// What a backup refuses to be: every archive here is written by libarchive itself, as a stranger would.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/backup/archive.h"
#include "core/backup/backup.h"
#include "core/state/snapshot.h"
#include "core/state/store.h"

namespace fs = std::filesystem;
using namespace seed;
using namespace seed::backup;

namespace {

struct Part {
    std::string path, content;
    unsigned type = AE_IFREG;
    std::string link = {};
    int64_t uid = -1;  // -1: ours
    bool summed = true;
};

class Restoring : public testing::Test {
protected:
    TemporaryDirectory folder{fs::temp_directory_path(), "seed-backup-test-"};
    std::string state = (folder.path() / "state").string();

    std::string database() {
        std::string path = (folder.path() / "a.sqlite3").string();
        {
            state::Store store(path);
            store.set_setting("platform id", "abc");
        }
        return state::snapshot(path);
    }
    std::string header(int64_t schema, int format = 1) {
        return "{\"format\":" + std::to_string(format) + ",\"seed\":\"9.9.9\",\"schema\":" + std::to_string(schema) +
               ",\"made\":\"now\",\"root\":" + (geteuid() == 0 ? "true" : "false") + ",\"volumes\":false}";
    }
    std::vector<Part> good() {
        return {{"BACKUP.json", header(state::known_schema())}, {"core", "", AE_IFDIR}, {"core/seed.sqlite3", database()},
                {"git", "", AE_IFDIR}, {"git/note", "text"}};
    }
    std::string pack(const std::vector<Part> &parts, bool with_sums = true) {
        std::string file = (folder.path() / "archive.tar").string(), sums;
        archive *out = archive_write_new();
        archive_write_set_format_pax(out);
        archive_write_open_filename(out, file.c_str());
        auto add = [&](const Part &part) {
            archive_entry *entry = archive_entry_new();
            archive_entry_set_pathname(entry, part.path.c_str());
            archive_entry_set_filetype(entry, part.type);
            archive_entry_set_perm(entry, part.type == AE_IFDIR ? 0700 : 0600);
            archive_entry_set_uid(entry, part.uid < 0 ? geteuid() : part.uid);
            archive_entry_set_gid(entry, getegid());
            if (part.type == AE_IFLNK) archive_entry_set_symlink(entry, part.link.c_str());
            else if (!part.link.empty()) archive_entry_set_hardlink(entry, part.link.c_str());
            if (part.type == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(part.content.size()));
            archive_write_header(out, entry);
            if (part.type == AE_IFREG) archive_write_data(out, part.content.data(), part.content.size());
            if (part.type == AE_IFREG && part.summed) sums += sha256_hex(part.content) + "  " + part.path + "\n";
            archive_entry_free(entry);
        };
        for (const auto &part : parts) add(part);
        if (with_sums) add({"SHA256SUMS", sums});
        archive_write_close(out);
        archive_write_free(out);
        return file;
    }
    std::string refusal(const std::string &file) {
        UniqueFd fd = open_file(file, O_RDONLY);
        try {
            restore(state, fd.get());
        } catch (const Failure &failure) {
            if (fs::exists(state)) {
                for (const auto &entry : fs::directory_iterator(state)) EXPECT_EQ(entry.path().filename(), "lock") << "left behind by a refusal";
            }
            return failure.what();
        }
        return "accepted";
    }
    std::string refusal_with(Part bad) {
        auto parts = good();
        parts.push_back(std::move(bad));
        return refusal(pack(parts));
    }
};

TEST_F(Restoring, TakesAWholeArchiveOnceAndIntoAnEmptyFolderOnly) {
    std::string file = pack(good());
    EXPECT_EQ(refusal(file), "accepted");
    EXPECT_EQ(read_file(state + "/git/note"), "text");
    EXPECT_EQ(state::Store(state + "/core/seed.sqlite3").setting("platform id"), "abc");
    EXPECT_FALSE(fs::exists(state + "/.restoring"));
    UniqueFd again = open_file(file, O_RDONLY);
    try {
        restore(state, again.get());
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::conflict);
        EXPECT_NE(std::string(failure.what()).find("holds a platform already"), std::string::npos) << failure.what();
    }
}

TEST_F(Restoring, RefusesPathsThatLeaveTheFolder) {
    for (const char *path : {"../outside", "git/../../outside", "/etc/passwd", "git//x", "git/./x", "./git/x", "git/\nx", "git/\\x", "git/\x1b[31m"})
        EXPECT_NE(refusal_with({path, "x"}).find("which no backup of ours has"), std::string::npos) << path;
    EXPECT_FALSE(fs::exists(folder.path() / "outside"));
}

TEST_F(Restoring, RefusesLinksAndDevices) {
    EXPECT_NE(refusal_with({"git/link", "", AE_IFLNK, "/etc"}).find("neither a file nor a folder"), std::string::npos);
    EXPECT_NE(refusal_with({"git/hard", "", AE_IFREG, "core/seed.sqlite3"}).find("neither a file nor a folder"), std::string::npos);
    EXPECT_NE(refusal_with({"git/pipe", "", AE_IFIFO}).find("neither a file nor a folder"), std::string::npos);
}

TEST_F(Restoring, RefusesPlacesThatNoBackupHas) {
    for (const char *path : {"runtime", ".restoring", "dns", "lock", "seedd.sock"})
        EXPECT_NE(refusal_with({path, "x"}).find("which no backup of ours has"), std::string::npos) << path;
}

TEST_F(Restoring, RefusesFilesThatWouldBelongToSomebodyElse) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_NE(refusal_with({"git/x", "x", AE_IFREG, "", 1000}).find("none of Seed's"), std::string::npos);
}

TEST_F(Restoring, RefusesWhatIsTwiceOrLacksItsFolder) {
    EXPECT_NE(refusal_with({"git/note", "other"}).find("twice"), std::string::npos);
    EXPECT_NE(refusal_with({"nowhere/x", "x"}).find("before its folder"), std::string::npos);
    EXPECT_NE(refusal_with({"git/note/x", "x"}).find("before its folder"), std::string::npos);
}

TEST_F(Restoring, RefusesFilesWithoutASumAndSumsWithoutAFile) {
    EXPECT_NE(refusal_with({"git/x", "x", AE_IFREG, "", -1, /*summed=*/false}).find("is not in its SHA256SUMS"), std::string::npos);
    EXPECT_NE(refusal(pack(good(), /*with_sums=*/false)).find("ends too early"), std::string::npos);
    auto parts = good();
    parts.push_back({"SHA256SUMS", std::string(64, '0') + "  git/note\n"});
    parts.push_back({"git/late", "x"});
    EXPECT_NE(refusal(pack(parts, false)).find("goes on after"), std::string::npos);
    parts.pop_back();
    EXPECT_NE(refusal(pack(parts, false)).find("damaged"), std::string::npos);
}

TEST_F(Restoring, RefusesANewerSeedAndSaysBothVersions) {
    for (int format : {1, 2}) {
        auto parts = good();
        parts[0].content = header(state::known_schema() + (format == 1), format);
        std::string why = refusal(pack(parts));
        EXPECT_NE(why.find("9.9.9"), std::string::npos) << why;
        EXPECT_NE(why.find(SEED_VERSION), std::string::npos) << why;
    }
    auto lies = good();
    lies[0].content = header(0);
    EXPECT_NE(refusal(pack(lies)).find("disagree"), std::string::npos);
}

TEST_F(Restoring, RefusesADamagedDatabase) {
    auto parts = good();
    parts[2].content.replace(4096, 2000, 2000, 'x');
    EXPECT_NE(refusal(pack(parts)).find("damaged"), std::string::npos);
    parts[2].content = "no database at all";
    EXPECT_NE(refusal(pack(parts)).find("database"), std::string::npos);
    parts.erase(parts.begin() + 2);
    EXPECT_NE(refusal(pack(parts)).find("has no database"), std::string::npos);
}

TEST_F(Restoring, RefusesEveryTruncationAndEveryFlippedByteOfContent) {
    std::string file = pack(good()), whole = read_file(file);
    for (size_t cut : {size_t{0}, size_t{1}, size_t{511}, size_t{512}, size_t{1024}, whole.size() / 2, whole.size() - 10240, whole.find("SHA256SUMS"), whole.find("SHA256SUMS") + 600}) {
        write_file(file, whole.substr(0, cut));
        EXPECT_NE(refusal(file), "accepted") << "cut at " << cut;
    }
    size_t note = whole.find("text");
    for (size_t at : {note, whole.find("\"made\"") + 2, whole.find("SQLite format 3") + 5000, whole.find("  git/note\n") - 5}) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ 1);
        write_file(file, flipped);
        EXPECT_NE(refusal(file), "accepted") << "flipped at " << at;
    }
    write_file(file, "this is not even tar\n");
    EXPECT_NE(refusal(file).find("no backup"), std::string::npos);
    write_file(file, whole);
    EXPECT_EQ(refusal(file), "accepted");
}

TEST_F(Restoring, CleansUpAfterARestoreThatWasKilled) {
    fs::create_directories(state + "/.restoring/core");
    fs::create_directories(state + "/git");
    write_file(state + "/git/half", "x");
    EXPECT_EQ(refusal(pack(good())), "accepted");
    EXPECT_FALSE(fs::exists(state + "/git/half"));
}

TEST(Archive, KeepsHolesAndContent) {
    TemporaryDirectory folder(fs::temp_directory_path(), "seed-backup-test-");
    std::string source = (folder.path() / "sparse").string(), archive_file = (folder.path() / "a.tar").string();
    UniqueFd file = open_file(source, O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(ftruncate(file.get(), 16 << 20), 0);
    ASSERT_EQ(pwrite(file.get(), "begin", 5, 0), 5);
    ASSERT_EQ(pwrite(file.get(), "middle", 6, (5 << 20) + 3), 6);
    std::string expected;
    {
        UniqueFd out = open_file(archive_file, O_WRONLY | O_CREAT, 0600);
        ArchiveWriter writer(out.get());
        Entry entry;
        entry.mode = 0600;
        for (const char *name : {"sparse", "holes"}) {
            entry.path = name;
            UniqueFd empty = open_file((folder.path() / "empty").string(), O_RDWR | O_CREAT, 0600);
            ASSERT_EQ(ftruncate(empty.get(), 1 << 20), 0);
            bool first = entry.path == "sparse";
            writer.add_file(entry, first ? file.get() : empty.get(), first ? 16 << 20 : 1 << 20);
        }
        writer.finish();
    }
    EXPECT_LT(fs::file_size(archive_file), 1u << 20) << "holes are not stored";
    UniqueFd in = open_file(archive_file, O_RDONLY);
    ArchiveReader reader(in.get());
    for (const char *name : {"sparse", "holes"}) {
        auto item = reader.next();
        ASSERT_TRUE(item);
        EXPECT_EQ(item->entry.path, name);
        std::string target = (folder.path() / "copy").string();
        UniqueFd copy = open_file(target, O_RDWR | O_CREAT | O_TRUNC, 0600);
        std::string sum = reader.copy_to(copy.get());
        std::string content = read_file(target, 32u << 20);
        EXPECT_EQ(sum, sha256_hex(content));
        if (std::string(name) == "sparse") EXPECT_EQ(content, read_file(source, 32u << 20));
        else EXPECT_EQ(content, std::string(1 << 20, '\0'));
    }
}

}  // namespace
