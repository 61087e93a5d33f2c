// Whole-file helpers.  All throw Failure with the path in its text.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <seed/util/fd.h>

namespace seed {

// At most `limit` bytes; a longer file is a Failure(limit).  Works for /proc files.
std::string read_file(const std::filesystem::path &path, size_t limit = 16u << 20);
std::optional<std::string> read_file_if_exists(const std::filesystem::path &path, size_t limit = 16u << 20);
// Durable and atomic: temporary file, fsync, rename, fsync of the folder.  Readers see the old or the new content.
void write_file_atomically(const std::filesystem::path &path, std::string_view content, mode_t mode = 0644);
// For files whose loss does not matter and for /proc and /sys: open, write, close.
void write_file(const std::filesystem::path &path, std::string_view content, mode_t mode = 0644);
// mkdir -p with exactly this mode on the last component (also when it exists).
void make_directory(const std::filesystem::path &path, mode_t mode = 0755);
UniqueFd open_file(const std::filesystem::path &path, int flags, mode_t mode = 0644);  // adds O_CLOEXEC
void write_all(int fd, std::string_view bytes);
// Everything until end of file, at most `limit` bytes (then Failure(limit)).
std::string read_all(int fd, size_t limit = 16u << 20);
// A file without a name that holds `content`, read from its start: the input of a program, a secret for a descriptor.
UniqueFd file_in_memory(std::string_view content);
void change_owner(const std::filesystem::path &path, uid_t uid, gid_t gid);  // does nothing when not root
// A private temporary directory under `parent`, removed with its content at the end of its scope.
class TemporaryDirectory {
public:
    explicit TemporaryDirectory(const std::filesystem::path &parent, std::string_view prefix = "tmp-");
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    const std::filesystem::path &path() const { return path_; }

private:
    std::filesystem::path path_;
};
// The directory the running program lies in: its siblings (seed-session, seed-vm ...) are found there.
std::filesystem::path program_directory();

}  // namespace seed
