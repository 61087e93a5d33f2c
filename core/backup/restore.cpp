#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include <seed/util/cage.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/backup/archive.h"
#include "core/backup/backup.h"
#include "core/state/snapshot.h"

namespace seed::backup {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
constexpr size_t longest_sums = 1u << 30;
constexpr size_t most_entries = 10'000'000;

[[noreturn]] void refuse(const std::string &why) { throw Failure(Code::invalid, why); }

// Root, or one of the ids that belong to Seed and to no account.
bool may_own(uint64_t id) { return id == 0 || (id >= uids::nix_base && id < uids::vm_base + 10000); }

class Restore {
public:
    Restore(const std::string &state, int fd) : state_(state), staging_(state_ / unfinished_name), archive_(fd) {
        make_directory(state_, 0755);
        lock_ = open_file(state_ / "lock", O_RDWR | O_CREAT, 0600);
        if (flock(lock_.get(), LOCK_EX | LOCK_NB)) throw Failure(Code::conflict, state_.string() + " is in use by a seedd; restore into another folder");
        clear_unfinished();
        for (const auto &entry : fs::directory_iterator(state_))
            if (entry.path().filename() != "lock" && entry.path().filename() != "lost+found")
                throw Failure(Code::conflict, state_.string() + " holds a platform already (" + entry.path().filename().string() +
                                                  "); restore into an empty folder, or move this one away first");
    }

    Summary run() {
        make_directory(staging_, 0700);
        try {
            unpack();
            compare_sums();
            check_database();
        } catch (...) {
            std::error_code ignored;
            fs::remove_all(staging_, ignored);
            throw;
        }
        move_in_place();
        return summary_;
    }

private:
    // What is beside an unfinished restore came from it: the folder was empty when it began, and no seedd started since.
    void clear_unfinished() {
        if (!fs::exists(staging_)) return;
        for (const auto &entry : fs::directory_iterator(state_))
            if (entry.path().filename() != "lock" && entry.path().filename() != "lost+found" && entry.path() != staging_) fs::remove_all(entry.path());
        fs::remove_all(staging_);
    }

    void read_header(const ArchiveReader::Item &item) {
        if (item.entry.path != header_name) refuse("this is no backup: it does not begin with " + std::string(header_name));
        std::string text = archive_.content(64u << 10);
        sums_[item.entry.path] = sha256_hex(text);
        json header = json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!header.is_object() || !header.value("format", json()).is_number_integer() || !header.value("schema", json()).is_number_integer() ||
            !header.value("seed", json()).is_string() || !header.value("made", json()).is_string() || !header.value("root", json()).is_boolean())
            refuse("this is no backup: its " + std::string(header_name) + " is malformed");
        summary_.version = printable(header["seed"].get<std::string>(), 40);
        summary_.made = printable(header["made"].get<std::string>(), 40);
        summary_.schema = header["schema"].get<int64_t>();
        if (header["format"] != 1 || summary_.schema > state::known_schema())
            throw Failure(Code::conflict, "the backup was made by Seed " + summary_.version + " (schema " + std::to_string(summary_.schema) +
                                              "), this is " SEED_VERSION " (up to schema " + std::to_string(state::known_schema()) +
                                              "); install that version or a newer one first");
        bool root = geteuid() == 0;
        if (header["root"].get<bool>() != root)
            throw Failure(Code::conflict, root ? "the backup is of a platform that ran as an ordinary user; restore it as one"
                                               : "the backup is of a platform that ran as root; restore it as root");
    }

    void check_place(const Entry &entry) {
        std::string top = entry.path.substr(0, entry.path.find('/'));
        static const std::set<std::string> foreign = {"runtime", "dns", "lock", "seedd.sock", "front.sock", "lost+found"};
        if (top[0] == '.' || foreign.contains(top)) refuse("the archive has " + entry.path + ", which no backup of ours has");
        if (geteuid() == 0 && !(may_own(entry.uid) && may_own(entry.gid)))
            refuse(entry.path + " in the archive belongs to id " + std::to_string(entry.uid) + ", which is none of Seed's");
    }

    void unpack() {
        auto first = archive_.next();
        if (!first || first->folder) refuse("this is no backup: it is empty");
        read_header(*first);
        while (auto item = archive_.next()) {
            if (have_list_) refuse("the archive goes on after its " + std::string(sums_name));
            if (!item->folder && item->entry.path == sums_name) {
                list_ = archive_.content(longest_sums);
                have_list_ = true;
                continue;
            }
            check_place(item->entry);
            if (++entries_ > most_entries) refuse("the archive has too many entries");
            item->folder ? make_folder(item->entry) : make_file(item->entry);
        }
        if (!have_list_) refuse("the archive ends too early: its " + std::string(sums_name) + " is missing");
        for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder)
            if (chmod((staging_ / folder->path).c_str(), folder->mode)) fail_errno("setting the mode of " + folder->path);
    }

    void make_folder(const Entry &entry) {
        fs::path path = staging_ / entry.path;
        if (mkdir(path.c_str(), 0700)) {
            if (errno == EEXIST || errno == ENOENT) refuse(entry.path + " is twice in the archive or before its folder");
            fail_errno("making " + path.string());
        }
        if (geteuid() == 0 && lchown(path.c_str(), entry.uid, entry.gid)) fail_errno("giving away " + path.string());
        folders_.push_back(entry);
    }

    void make_file(const Entry &entry) {
        fs::path path = staging_ / entry.path;
        UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!file && (errno == EEXIST || errno == ENOENT || errno == ENOTDIR)) refuse(entry.path + " is twice in the archive or before its folder");
        if (!file) fail_errno("making " + path.string());
        sums_[entry.path] = archive_.copy_to(file.get());
        if (geteuid() == 0 && fchown(file.get(), entry.uid, entry.gid)) fail_errno("giving away " + path.string());
        if (fchmod(file.get(), entry.mode)) fail_errno("setting the mode of " + path.string());
        timespec times[2] = {{entry.modified, 0}, {entry.modified, 0}};
        futimens(file.get(), times);  // ignoring: nothing depends on it
        ++summary_.files;
        struct stat status {};
        if (fstat(file.get(), &status) == 0) summary_.bytes += static_cast<uint64_t>(status.st_blocks) * 512;
        if (entry.path.starts_with("images/")) ++summary_.images;
        if (is_storage(entry.path.substr(0, entry.path.find('/'))) && entry.path.ends_with(".img")) ++summary_.volumes;
        if (entry.path.ends_with("/HEAD") && entry.path.find("/refs/") == std::string::npos && entry.path.find("/logs/") == std::string::npos)
            ++summary_.repositories;
    }

    void compare_sums() {
        std::map<std::string, std::string> expected;
        for (const auto &line : split(list_, '\n')) {
            if (line.empty()) continue;
            if (line.size() < 67 || line.compare(64, 2, "  ") != 0 || !expected.emplace(line.substr(66), line.substr(0, 64)).second)
                refuse("the archive's " + std::string(sums_name) + " is malformed");
        }
        for (const auto &[path, sum] : sums_) {
            auto found = expected.find(path);
            if (found == expected.end()) refuse("the archive is damaged: " + path + " is not in its " + std::string(sums_name));
            if (found->second != sum) refuse("the archive is damaged: the checksum of " + path + " is wrong; nothing was restored");
        }
        for (const auto &[path, sum] : expected)
            if (!sums_.contains(path)) refuse("the archive is damaged: " + printable(path, 200) + " is missing");
    }

    void check_database() {
        fs::path file = staging_ / "core/seed.sqlite3";
        if (!fs::is_regular_file(fs::symlink_status(file))) refuse("the archive has no database");
        int64_t schema = state::verified_schema(file.string());
        if (schema != summary_.schema) refuse("the archive's header and database disagree about the schema");
    }

    // The database last: a state directory without one is none.
    void move_in_place() {
        UniqueFd root = open_file(state_, O_RDONLY | O_DIRECTORY);
        if (syncfs(root.get())) fail_errno("writing " + state_.string());
        auto move = [&](const fs::path &from) {
            if (rename(from.c_str(), (state_ / from.filename()).c_str())) fail_errno("moving " + from.string() + " in place");
        };
        std::vector<fs::path> parts;
        for (const auto &entry : fs::directory_iterator(staging_)) parts.push_back(entry.path());
        for (const auto &part : parts)
            if (part.filename() != "core") move(part);
        move(staging_ / "core");
        fsync(root.get());
        fs::remove(staging_);
        fsync(root.get());
    }

    fs::path state_, staging_;
    ArchiveReader archive_;
    UniqueFd lock_;
    std::map<std::string, std::string> sums_;  // of what was unpacked
    std::vector<Entry> folders_;
    std::string list_;
    bool have_list_ = false;
    size_t entries_ = 0;
    Summary summary_;
};

}  // namespace

Summary restore(const std::string &state, int fd) {
    return Restore(state, fd).run();
}

}  // namespace seed::backup
