// The archive of a backup: a pax tar stream, readable by any tar.  libarchive underneath.
//
//   BACKUP.json     first: which platform, which schema, with or without volumes
//   ...             the files of the state directory by their paths there, and the folders they are in
//   SHA256SUMS      last: as `sha256sum` writes it, one line for each file; without it the archive is not whole
//
// Only regular files and folders.  Files with holes are stored without them.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace seed::backup {

inline constexpr std::string_view header_name = "BACKUP.json", sums_name = "SHA256SUMS";
inline constexpr uint64_t longest_file = 16ull << 40;  // what ext4 can hold

struct Entry {
    std::string path;  // relative, "/" between its parts
    mode_t mode = 0;   // permissions only
    uid_t uid = 0;
    gid_t gid = 0;
    int64_t modified = 0;  // seconds since 1970
};

// What may stand in an archive: relative, no empty part, no "." or "..", nothing that is not printable ASCII, no backslash.
bool is_plain_path(std::string_view path);

class ArchiveWriter {
public:
    explicit ArchiveWriter(int fd);  // borrowed; may be a pipe
    ~ArchiveWriter();
    void add_folder(const Entry &entry);
    void add(const Entry &entry, std::string_view content);
    // `size` bytes of `fd`, skipping its holes.  Failure(conflict) when it becomes shorter meanwhile.
    void add_file(const Entry &entry, int fd, uint64_t size);
    void finish();  // the sums and the end mark
    uint64_t files() const { return files_; }
    uint64_t bytes() const { return bytes_; }  // of content, holes not counted

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    uint64_t files_ = 0, bytes_ = 0;
};

// Reads an archive of unknown origin from its start to its end.  What is not as above is Failure(invalid).
class ArchiveReader {
public:
    explicit ArchiveReader(int fd);  // borrowed
    ~ArchiveReader();
    struct Item {
        Entry entry;
        bool folder = false;
        uint64_t size = 0;
    };
    std::optional<Item> next();
    std::string content(size_t limit);      // of the item; Failure(invalid) when it is longer
    std::string copy_to(int fd);            // of the item, with its holes; gives its SHA-256 as hexadecimal digits

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace seed::backup
