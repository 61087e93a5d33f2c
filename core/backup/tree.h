// Walking a tree that others may be changing, and that a compromised provider may have filled: no symbolic link is followed, only
// regular files and folders are seen.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/fd.h>

#include "core/backup/archive.h"

namespace seed::backup {

// Invalid when it is not there (any more) or is no folder.
inline UniqueFd open_folder(int parent, const std::string &name) {
    return UniqueFd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Invalid when it is not there (any more) or is no regular file.  Its status in `status`.
inline UniqueFd open_regular(int parent, const std::string &name, struct stat &status) {
    UniqueFd file(openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file) {
        if (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == ENOTDIR) return {};
        fail_errno("cannot read " + name);
    }
    if (fstat(file.get(), &status)) fail_errno("cannot read " + name);
    if (!S_ISREG(status.st_mode)) file.reset();
    return file;
}

inline std::vector<std::string> names_in(int folder) {
    UniqueFd again(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::unique_ptr<DIR, int (*)(DIR *)> listing(again ? fdopendir(again.get()) : nullptr, closedir);
    if (!listing) fail_errno("cannot list a folder");
    (void)again.release();
    std::vector<std::string> names;
    while (dirent *entry = readdir(listing.get()))
        if (std::strcmp(entry->d_name, ".") && std::strcmp(entry->d_name, "..")) names.push_back(entry->d_name);
    std::sort(names.begin(), names.end());
    return names;
}

inline Entry entry_of(std::string path, const struct stat &status) {
    Entry entry;
    entry.path = std::move(path);
    entry.mode = status.st_mode & 0777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.modified = status.st_mtime;
    return entry;
}

}  // namespace seed::backup
