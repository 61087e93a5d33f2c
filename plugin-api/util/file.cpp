#include <seed/util/file.h>
#include <seed/util/replace_file.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/text.h>
#include <cerrno>
#include <cstdlib>

namespace seed {
namespace fs = std::filesystem;
namespace {

std::string read_to_end(int fd, size_t limit, const std::string &name) {
    std::string content;
    size_t used = 0;
    for (;;) {
        // One byte more than allowed, to see that there is more.
        size_t room = std::min<size_t>(limit + 1 - used, std::max<size_t>(4096, used));
        content.resize(used + room);
        ssize_t n = read(fd, content.data() + used, room);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno("cannot read " + name);
        used += static_cast<size_t>(n);
        if (n == 0) break;
        if (used > limit) throw Failure(Code::limit, name + " is longer than " + format_size(limit));
    }
    content.resize(used);
    return content;
}

void fsync_folder(const fs::path &folder) {
    UniqueFd fd = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (fsync(fd.get())) fail_errno("cannot sync " + folder.string());
}

}  // namespace

UniqueFd open_file(const fs::path &path, int flags, mode_t mode) {
    int fd;
    do fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) fail_errno("cannot open " + path.string());
    return UniqueFd(fd);
}

std::string read_file(const fs::path &path, size_t limit) {
    return read_to_end(open_file(path, O_RDONLY).get(), limit, path.string());
}

std::optional<std::string> read_file_if_exists(const fs::path &path, size_t limit) {
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
    if (fd < 0) fail_errno("cannot open " + path.string());
    UniqueFd owned(fd);
    return read_to_end(fd, limit, path.string());
}

std::string read_all(int fd, size_t limit) {
    return read_to_end(fd, limit, "descriptor " + std::to_string(fd));
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno("cannot write to descriptor " + std::to_string(fd));
        bytes.remove_prefix(static_cast<size_t>(n));
    }
}

UniqueFd file_in_memory(std::string_view content) {
    UniqueFd fd(memfd_create("content", MFD_CLOEXEC));
    if (!fd) fail_errno("cannot make a file in memory");
    write_all(fd.get(), content);
    if (lseek(fd.get(), 0, SEEK_SET) < 0) fail_errno("cannot rewind a file in memory");
    return fd;
}

namespace {

void put_in_place(const fs::path &path, std::string_view content, mode_t mode, bool durable) {
    fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    fs::path temporary = folder / ("." + path.filename().string() + ".new-" + random_hex(6));
    UniqueFd fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
    try {
        write_all(fd.get(), content);
        if (fchmod(fd.get(), mode)) fail_errno("cannot set the mode");
        if (durable && fsync(fd.get())) fail_errno("cannot sync");
        if (rename(temporary.c_str(), path.c_str())) fail_errno("cannot rename the new content into place");
    } catch (const Failure &failure) {
        unlink(temporary.c_str());
        throw failure.within("while writing " + path.string());
    }
    if (durable) fsync_folder(folder);
}

}  // namespace

void write_file_atomically(const fs::path &path, std::string_view content, mode_t mode) {
    put_in_place(path, content, mode, /*durable=*/true);
}

void replace_file(const fs::path &path, std::string_view content, mode_t mode) {
    put_in_place(path, content, mode, /*durable=*/false);
}

void write_file(const fs::path &path, std::string_view content, mode_t mode) {
    // First without O_CREAT: /proc and /sys answer with the true reason then.
    int fd = open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) fd = open(path.c_str(), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0) fail_errno("cannot open " + path.string() + " for writing");
    UniqueFd owned(fd);
    try {
        write_all(fd, content);
    } catch (const Failure &failure) {
        throw failure.within("while writing " + path.string());
    }
}

void make_directory(const fs::path &path, mode_t mode) {
    fs::path clean = path.has_filename() ? path : path.parent_path();  // "a/b/" is "a/b"
    std::error_code error;
    if (clean.has_parent_path()) fs::create_directories(clean.parent_path(), error);
    if (mkdir(clean.c_str(), mode) && errno != EEXIST) fail_errno("cannot make the directory " + clean.string());
    struct stat status {};
    if (stat(clean.c_str(), &status)) fail_errno("cannot look at " + clean.string());
    if (!S_ISDIR(status.st_mode)) throw Failure(Code::conflict, clean.string() + " exists and is not a directory");
    if ((status.st_mode & 07777) != mode && chmod(clean.c_str(), mode))
        fail_errno("cannot set the mode of the directory " + clean.string());
}

void change_owner(const fs::path &path, uid_t uid, gid_t gid) {
    if (geteuid() != 0) return;
    if (lchown(path.c_str(), uid, gid)) fail_errno("cannot change the owner of " + path.string());
}

TemporaryDirectory::TemporaryDirectory(const fs::path &parent, std::string_view prefix) {
    std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
    if (!mkdtemp(name.data())) fail_errno("cannot make a temporary directory in " + parent.string());
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
    if (!error) return;
    // Folders without write permission (store paths) stop an ordinary user's removal: open them and try again.
    std::error_code ignored;
    for (fs::recursive_directory_iterator it(path_, ignored), end; !ignored && it != end; it.increment(ignored))
        if (it->is_directory(ignored) && !it->is_symlink(ignored)) chmod(it->path().c_str(), 0700);
    fs::remove_all(path_, error);
}

fs::path program_directory() {
    std::error_code error;
    fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (error) throw Failure(Code::internal, "cannot read /proc/self/exe: " + error.message() + "; is /proc mounted?");
    return program.parent_path();
}

}  // namespace seed
