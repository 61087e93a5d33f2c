#include "core/backup/repository.h"

#include <set>

#include <seed/util/file.h>

#include "core/backup/tree.h"

namespace seed::backup {
namespace {

constexpr size_t small_file = 1u << 20;

// False when it is not there.  Small files are read at once: git replaces them, it does not change them, but others might.
bool add_one(ArchiveWriter &archive, int folder, const std::string &path, const std::string &name) {
    struct stat status {};
    UniqueFd file = open_regular(folder, name, status);
    if (!file) return false;
    Entry entry = entry_of(path + "/" + name, status);
    if (static_cast<size_t>(status.st_size) <= small_file) archive.add(entry, read_all(file.get(), 2 * small_file));
    else archive.add_file(entry, file.get(), static_cast<uint64_t>(status.st_size));
    return true;
}

bool passing(const std::string &name) {
    return name.ends_with(".lock") || name.starts_with("tmp_") || name.starts_with("incoming-") || name.starts_with(".tmp-");
}

UniqueFd enter(ArchiveWriter &archive, int parent, const std::string &path, const std::string &name) {
    UniqueFd folder = open_folder(parent, name);
    struct stat status {};
    if (folder && fstat(folder.get(), &status)) fail_errno("cannot read " + path);
    if (folder) archive.add_folder(entry_of(path, status));
    return folder;
}

void add_tree(ArchiveWriter &archive, int parent, const std::string &path, const std::string &name, int depth) {
    if (passing(name) || depth == 0) return;
    UniqueFd folder = enter(archive, parent, path, name);
    if (!folder) return;
    for (const auto &child : names_in(folder.get())) {
        struct stat status {};
        if (passing(child) || fstatat(folder.get(), child.c_str(), &status, AT_SYMLINK_NOFOLLOW)) continue;
        if (S_ISDIR(status.st_mode)) add_tree(archive, folder.get(), path + "/" + child, child, depth - 1);
        else if (S_ISREG(status.st_mode)) add_one(archive, folder.get(), path, child);
    }
}

// Packs by their .idx, which git writes last and removes first.
void add_packs(ArchiveWriter &archive, int objects, const std::string &objects_path) {
    constexpr int most_rounds = 10;
    std::string path = objects_path + "/pack";
    UniqueFd folder = enter(archive, objects, path, "pack");
    if (!folder) return;
    std::set<std::string> done;
    for (int round = 0;; ++round) {
        bool moved = false;
        for (const auto &name : names_in(folder.get())) {
            if (!name.starts_with("pack-") || !name.ends_with(".idx")) continue;
            std::string stem = name.substr(0, name.size() - 4);
            if (done.contains(stem)) continue;
            struct stat status {}, pack_status {};
            UniqueFd index = open_regular(folder.get(), name, status), pack = open_regular(folder.get(), stem + ".pack", pack_status);
            if (!index || !pack) {  // repacked since we listed them: what it held is in another pack now
                moved = true;
                continue;
            }
            archive.add_file(entry_of(path + "/" + stem + ".pack", pack_status), pack.get(), static_cast<uint64_t>(pack_status.st_size));
            archive.add_file(entry_of(path + "/" + name, status), index.get(), static_cast<uint64_t>(status.st_size));
            for (const char *more : {".rev", ".bitmap", ".keep", ".mtimes"}) add_one(archive, folder.get(), path, stem + more);
            done.insert(stem);
        }
        if (!moved) return;
        if (round == most_rounds)
            throw Failure(Code::unavailable, path + " is being repacked all the time; try again when its maintenance is over");
    }
}

void add_objects(ArchiveWriter &archive, int repository, const std::string &repository_path) {
    std::string path = repository_path + "/objects";
    UniqueFd objects = enter(archive, repository, path, "objects");
    if (!objects) throw Failure(Code::conflict, repository_path + " vanished while it was read; try again");
    for (const auto &name : names_in(objects.get()))
        if (name.size() == 2) add_tree(archive, objects.get(), path + "/" + name, name, 2);
    add_packs(archive, objects.get(), path);
}

}  // namespace

bool is_repository(int folder) {
    struct stat status {};
    return fstatat(folder, "HEAD", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) && open_folder(folder, "objects") &&
           open_folder(folder, "refs");
}

void add_repository(ArchiveWriter &archive, int folder, const std::string &path) {
    constexpr int deepest_reference = 64;
    struct stat status {};
    if (fstat(folder, &status)) fail_errno("cannot read " + path);
    archive.add_folder(entry_of(path, status));
    add_one(archive, folder, path, "HEAD");
    add_tree(archive, folder, path + "/refs", "refs", deepest_reference);
    add_one(archive, folder, path, "packed-refs");
    for (const auto &name : names_in(folder)) {
        if (name == "HEAD" || name == "refs" || name == "packed-refs" || name == "objects" || passing(name)) continue;
        struct stat one {};
        if (fstatat(folder, name.c_str(), &one, AT_SYMLINK_NOFOLLOW)) continue;
        if (S_ISDIR(one.st_mode)) add_tree(archive, folder, path + "/" + name, name, 8);
        else if (S_ISREG(one.st_mode)) add_one(archive, folder, path, name);
    }
    add_objects(archive, folder, path);
}

}  // namespace seed::backup
