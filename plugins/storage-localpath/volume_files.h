// Volumes as sparse files: FOLDER/NAMESPACE/INSTANCE/NAME.img, and NAME.json with what the file itself does not say.
//
// A volume exists exactly when its .img does.  Making one: a temporary file beside it is given its size and its file system and
// is synced; the .json is written; a hard link gives it its name.  A crash leaves nothing, or the whole volume; left-over
// temporary files are found by their free lock and removed.  Nothing here ever mounts, checks or formats an image that has its
// name.
//
// Thread-safe; several processes on one folder are safe.  All throw Failure.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <seed/util/fd.h>

namespace seed::localpath {

struct VolumeFile {
    std::string volume;  // NAMESPACE/INSTANCE/NAME
    std::filesystem::path path;
    uint64_t size_bytes = 0;
    uint64_t used_bytes = 0;  // blocks on the host
    int64_t created_ms = 0;   // 0: not known
};

class VolumeFiles {
public:
    explicit VolumeFiles(std::filesystem::path folder);  // made when missing, 0700; removes left-overs

    // Finds the volume or makes it; a smaller one grows, a larger one stays.
    VolumeFile create(const std::string &volume, uint64_t size_bytes, std::chrono::milliseconds patience);
    VolumeFile find(const std::string &volume) const;                 // Failure(not_found)
    VolumeFile grow(const std::string &volume, uint64_t size_bytes);  // shrinking is Failure(invalid)
    void remove(const std::string &volume);                           // of nothing succeeds
    std::vector<VolumeFile> list() const;                             // sorted by name
    uint64_t free_bytes() const;
    const std::filesystem::path &folder() const { return folder_; }

private:
    struct Place;
    Place place_of(const std::string &volume) const;
    void write_description(const Place &place, uint64_t size_bytes, int64_t created_ms) const;
    VolumeFile describe(const Place &place, int fd) const;
    void set_size(const Place &place, int fd, uint64_t size_bytes) const;
    [[noreturn]] void explain_full(const std::string &volume) const;
    void remove_leftovers() const;

    std::filesystem::path folder_;
    std::mutex folders_;  // held while folders of namespaces and instances are made or go; never while a volume is formatted
};

}  // namespace seed::localpath
