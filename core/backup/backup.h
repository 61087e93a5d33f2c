// What a platform consists of, into an archive and back.  docs/backup.md says it for people.
//
// By the parts of the state directory:
//   core      in: the database by SQLite's own backup, host keys and all else
//   git       in: repositories in an order that is consistent under pushes (repository.h)
//   images, build/*/closures   in: the closures that run, so that a restored platform boots them without building
//   storage   the volumes: when wanted
//   build, dns, runtime        out: made again
// and whatever is there besides: in.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace seed::backup {

// Folder of a storage provider below the state: "storage", "storage-2" ...
inline bool is_storage(std::string_view folder) { return folder == "storage" || folder.starts_with("storage-"); }

struct BackupOptions {
    std::string state;  // the state directory; a seedd may be at work in it
    bool volumes = false;
};
struct Summary {
    uint64_t files = 0, bytes = 0;  // bytes: holes not counted
    uint64_t repositories = 0, volumes = 0, images = 0;
    int64_t schema = 0;
    std::string version, made;               // of the program that made the archive; when
    std::vector<std::string> inconsistent;   // volumes that were written while they were read
};
// Writes to `fd` (borrowed, may be a pipe).  Blocking.
Summary back_up(const BackupOptions &options, int fd);

// Restores into a state directory that holds nothing.  All or nothing: it is unpacked beside, checked, and moved in place; a
// restore that was interrupted is cleaned up by the next one, and seedd does not start on it.
Summary restore(const std::string &state, int fd);

// The folder of an unfinished restore, below the state directory.
inline constexpr const char *unfinished_name = ".restoring";

}  // namespace seed::backup
