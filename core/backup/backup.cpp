#include "core/backup/backup.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#include <nlohmann/json.hpp>
#include <set>

#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/backup/archive.h"
#include "core/backup/repository.h"
#include "core/backup/tree.h"
#include "core/state/snapshot.h"

namespace seed::backup {
namespace {

using nlohmann::json;
constexpr int deepest = 64;
constexpr const char *database = "seed.sqlite3";

// What is made again by itself, or belongs to this moment and machine.
bool left_out(const std::string &path, bool volumes) {
    static const std::set<std::string> never = {"runtime", "dns", "lock", "seedd.sock", "front.sock", "lost+found", "core/seed.sqlite3",
                                                "core/seed.sqlite3-wal", "core/seed.sqlite3-shm"};
    if (never.contains(path) || path[0] == '.' || (is_storage(path) && !volumes)) return true;
    auto parts = split(path, '/');
    return parts[0] == "build" && parts.size() == 3 && parts[2] != "closures";  // the Nix stores
}

class Backup {
public:
    Backup(const BackupOptions &options, int fd)
        : options_(options), archive_(fd), state_(open(options.state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (!state_) fail_errno("there is no state in " + options.state);
    }

    // The repositories are listed before the database is copied: one that is made later would be without an owner after a
    // restore, and belong to whoever pushes first.  Their content is read later than the database: it has every commit that the
    // database speaks of.
    Summary run() {
        list_repositories(state_.get(), "", deepest);
        std::string snapshot = state::snapshot(options_.state + "/core/" + database);
        summary_.version = SEED_VERSION;
        summary_.schema = schema_of(snapshot);
        summary_.made = iso_time(unix_ms_now());
        add_header();
        struct stat core {};
        if (fstatat(state_.get(), "core", &core, AT_SYMLINK_NOFOLLOW)) fail_errno("cannot read " + options_.state + "/core");
        archive_.add_folder(entry_of("core", core));
        Entry entry = entry_of(std::string("core/") + database, core);
        entry.mode = 0600;
        archive_.add(entry, snapshot);
        for (const auto &name : names_in(state_.get())) add(state_.get(), name, name, deepest);
        archive_.finish();
        summary_.files = archive_.files();
        summary_.bytes = archive_.bytes();
        return summary_;
    }

private:
    static int64_t schema_of(const std::string &snapshot) {  // big-endian at byte 60: https://www.sqlite.org/fileformat.html
        if (snapshot.size() < 100) throw Failure(Code::internal, "the copy of the database is empty");
        int64_t version = 0;
        for (size_t i = 60; i < 64; ++i) version = version << 8 | static_cast<unsigned char>(snapshot[i]);
        return version;
    }

    void add_header() {
        json header = {{"format", 1}, {"seed", summary_.version}, {"schema", summary_.schema}, {"made", summary_.made},
                       {"root", geteuid() == 0}, {"volumes", options_.volumes}};
        Entry entry;
        entry.path = header_name;
        entry.mode = 0600;
        entry.modified = unix_ms_now() / 1000;
        archive_.add(entry, header.dump(2) + "\n");
    }

    void list_repositories(int parent, const std::string &path, int depth) {
        if (depth == 0) return;
        for (const auto &name : names_in(parent)) {
            std::string below = path.empty() ? name : path + "/" + name;
            if (left_out(below, /*volumes=*/false)) continue;
            UniqueFd folder = open_folder(parent, name);
            if (!folder) continue;
            if (is_repository(folder.get())) repositories_.insert(below);
            else list_repositories(folder.get(), below, depth - 1);
        }
    }

    void add(int parent, const std::string &name, const std::string &path, int depth) {
        struct stat status {};
        if (left_out(path, options_.volumes) || depth == 0) return;
        if (fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return;  // gone meanwhile
        if (S_ISREG(status.st_mode)) add_file(parent, name, path);
        if (!S_ISDIR(status.st_mode)) return;
        UniqueFd folder = open_folder(parent, name);
        if (!folder) return;
        if (is_repository(folder.get())) {
            if (!repositories_.contains(path)) return;
            add_repository(archive_, folder.get(), path);
            ++summary_.repositories;
            return;
        }
        if (path != "core") archive_.add_folder(entry_of(path, status));
        for (const auto &child : names_in(folder.get())) add(folder.get(), child, path + "/" + child, depth - 1);
    }

    void add_file(int parent, const std::string &name, const std::string &path) {
        struct stat status {};
        UniqueFd file = open_regular(parent, name, status);
        if (!file) return;
        bool volume = is_storage(path.substr(0, path.find('/'))) && path.ends_with(".img");
        UniqueFd frozen = volume ? clone_of(parent, file.get()) : UniqueFd();
        archive_.add_file(entry_of(path, status), frozen ? frozen.get() : file.get(), static_cast<uint64_t>(status.st_size));
        if (path.starts_with("images/")) ++summary_.images;
        if (!volume) return;
        ++summary_.volumes;
        struct stat after {};
        if (fstat(file.get(), &after)) fail_errno("cannot read " + path);
        bool written = after.st_mtim.tv_sec != status.st_mtim.tv_sec || after.st_mtim.tv_nsec != status.st_mtim.tv_nsec;
        if (!frozen && written) summary_.inconsistent.push_back(path);
    }

    // Where the file system shares blocks (btrfs, xfs), a copy of this very moment, which costs nothing and has no name.
    static UniqueFd clone_of(int parent, int file) {
        UniqueFd copy(openat(parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!copy || ioctl(copy.get(), FICLONE, file)) return {};
        return copy;
    }

    const BackupOptions &options_;
    ArchiveWriter archive_;
    UniqueFd state_;
    std::set<std::string> repositories_;
    Summary summary_;
};

}  // namespace

Summary back_up(const BackupOptions &options, int fd) {
    return Backup(options, fd).run();
}

}  // namespace seed::backup
