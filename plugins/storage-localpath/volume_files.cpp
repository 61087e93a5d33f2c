#include "plugins/storage-localpath/volume_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "plugins/storage-localpath/format.h"

namespace seed::localpath {
namespace fs = std::filesystem;
namespace {

using json = nlohmann::json;

constexpr uint64_t smallest = 1u << 20, block = 4096, reserve = 16u << 20;
constexpr std::string_view leftover_prefix = ".new-";

bool is_label(std::string_view text) {
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !text.empty() && text.size() <= 63 && plain(text.front()) && plain(text.back()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-'; });
}

// Made durable: the name of a new folder is lost in a crash unless its parent is synced.
void sync_folder(const fs::path &folder) {
    UniqueFd fd = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (fsync(fd.get()) != 0) fail_errno("syncing " + folder.string());
}

void make_durable_folder(const fs::path &folder) {
    if (mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
    if (errno != EEXIST) fail_errno("making " + folder.string());
}

UniqueFd open_image(const fs::path &path, int flags) {
    UniqueFd fd = open_file(path, flags | O_NOFOLLOW | O_NONBLOCK);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) fail_errno(path.string());
    if (!S_ISREG(info.st_mode)) throw Failure(Code::conflict, path.string() + " is not a plain file: move it away");
    return fd;
}

struct Unlinked {  // removes the temporary name at the end, whatever happens
    fs::path path;
    ~Unlinked() { unlink(path.c_str()); }
};

}  // namespace

struct VolumeFiles::Place {
    std::string volume;
    fs::path folder, image, description;
};

VolumeFiles::VolumeFiles(fs::path folder) : folder_(std::move(folder)) {
    make_directory(folder_, 0700);
    remove_leftovers();
}

VolumeFiles::Place VolumeFiles::place_of(const std::string &volume) const {
    std::vector<std::string> parts = split(volume, '/');
    if (parts.size() != 3 || !std::all_of(parts.begin(), parts.end(), is_label))
        throw Failure(Code::invalid, "\"" + printable(volume, 100) +
                                         "\" is not a volume: use NAMESPACE/INSTANCE/NAME of a-z, 0-9 and inner '-'");
    fs::path folder = folder_ / parts[0] / parts[1];
    return {volume, folder, folder / (parts[2] + ".img"), folder / (parts[2] + ".json")};
}

void VolumeFiles::explain_full(const std::string &volume) const {
    throw Failure(Code::limit, "volume " + volume + ": the disk of " + folder_.string() + " is full, " +
                                   format_size(free_bytes()) + " are free: remove volumes that nobody needs, or add space");
}

uint64_t VolumeFiles::free_bytes() const {
    struct statvfs info {};
    if (statvfs(folder_.c_str(), &info) != 0) fail_errno(folder_.string());
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

void VolumeFiles::write_description(const Place &place, uint64_t size_bytes, int64_t created_ms) const {
    json description = {
        {"volume", place.volume}, {"size_bytes", size_bytes}, {"file_system", "ext4"}, {"created_ms", created_ms}};
    write_file_atomically(place.description, description.dump() + "\n", 0600);
}

VolumeFile VolumeFiles::describe(const Place &place, int fd) const {
    struct stat info {};
    if (fstat(fd, &info) != 0) fail_errno(place.image.string());
    VolumeFile file{place.volume, place.image, static_cast<uint64_t>(info.st_size), static_cast<uint64_t>(info.st_blocks) * 512,
                    0};
    if (auto text = read_file_if_exists(place.description, 64 << 10)) {
        json description = json::parse(*text, nullptr, /*allow_exceptions=*/false);
        if (description.is_object() && description.contains("created_ms") && description["created_ms"].is_number_integer())
            file.created_ms = description["created_ms"].get<int64_t>();
    }
    return file;
}

void VolumeFiles::set_size(const Place &place, int fd, uint64_t size_bytes) const {
    if (ftruncate(fd, static_cast<off_t>(size_bytes)) == 0) {
        if (fsync(fd) == 0) return;
        fail_errno("syncing " + place.image.string());
    }
    if (errno == ENOSPC || errno == EDQUOT) explain_full(place.volume);
    if (errno == EFBIG)
        throw Failure(Code::limit, "volume " + place.volume + ": " + format_size(size_bytes) +
                                       " is more than a file may have here: ask for less");
    fail_errno("sizing " + place.image.string());
}

VolumeFile VolumeFiles::create(const std::string &volume, uint64_t size_bytes, std::chrono::milliseconds patience) {
    Place place = place_of(volume);
    if (size_bytes < smallest || size_bytes > uint64_t{1} << 50)
        throw Failure(Code::invalid,
                      "volume " + volume + ": a size of " + std::to_string(size_bytes) + " bytes cannot be: use 1 MiB to 1 PiB");
    size_bytes = (size_bytes + block - 1) / block * block;
    if (fs::exists(fs::symlink_status(place.image))) {
        UniqueFd fd = open_image(place.image, O_RDWR);
        VolumeFile there = describe(place, fd.get());
        return there.size_bytes < size_bytes ? grow(volume, size_bytes) : there;
    }
    // The file is sparse: this is room for what formatting writes, and a margin so that others can go on working.
    if (free_bytes() < reserve + size_bytes / 64) explain_full(volume);
    fs::path temporary = place.folder / (std::string(leftover_prefix) + random_hex(8));
    UniqueFd fd;
    {
        std::lock_guard lock(folders_);
        make_durable_folder(place.folder.parent_path());
        make_durable_folder(place.folder);
        fd = open_file(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    }
    Unlinked cleanup{temporary};
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fail_errno("locking " + temporary.string());
    set_size(place, fd.get(), size_bytes);
    try {
        format_ext4(temporary, folder_ / "mke2fs.conf", patience);
    } catch (const Failure &failure) {
        if (failure.code() == Code::limit) explain_full(volume);
        throw failure.within("volume " + volume);
    }
    if (fsync(fd.get()) != 0) {
        if (errno == ENOSPC || errno == EDQUOT) explain_full(volume);
        fail_errno("syncing " + temporary.string());
    }
    write_description(place, size_bytes, unix_ms_now());
    if (link(temporary.c_str(), place.image.c_str()) != 0) {
        if (errno == EEXIST) return create(volume, size_bytes, patience);  // somebody else was faster: theirs counts
        fail_errno("naming " + place.image.string());
    }
    unlink(temporary.c_str());
    sync_folder(place.folder);
    return describe(place, fd.get());
}

VolumeFile VolumeFiles::find(const std::string &volume) const {
    Place place = place_of(volume);
    if (!fs::exists(fs::symlink_status(place.image)))
        throw Failure(Code::not_found, "there is no volume " + volume + " in " + folder_.string());
    UniqueFd fd = open_image(place.image, O_RDONLY);
    return describe(place, fd.get());
}

VolumeFile VolumeFiles::grow(const std::string &volume, uint64_t size_bytes) {
    Place place = place_of(volume);
    VolumeFile there = find(volume);
    if (size_bytes > uint64_t{1} << 50) throw Failure(Code::invalid, "volume " + volume + ": more than 1 PiB cannot be");
    size_bytes = (size_bytes + block - 1) / block * block;
    if (size_bytes < there.size_bytes)
        throw Failure(Code::invalid, "volume " + volume + " has " + format_size(there.size_bytes) + " and cannot shrink to " +
                                         format_size(size_bytes) + ": ask for at least its size, or make a new volume");
    if (size_bytes == there.size_bytes) return there;
    if (free_bytes() < reserve) explain_full(volume);
    UniqueFd fd = open_image(place.image, O_RDWR);
    set_size(place, fd.get(), size_bytes);
    write_description(place, size_bytes, there.created_ms);
    return describe(place, fd.get());
}

void VolumeFiles::remove(const std::string &volume) {
    Place place = place_of(volume);
    for (const auto &path : {place.image, place.description})
        if (unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) fail_errno("removing " + path.string());
    std::lock_guard lock(folders_);
    if (!fs::is_directory(place.folder)) return;
    sync_folder(place.folder);
    rmdir(place.folder.c_str());  // goes only when nothing is left in it
    rmdir(place.folder.parent_path().c_str());
}

std::vector<VolumeFile> VolumeFiles::list() const {
    std::vector<VolumeFile> found;
    std::error_code ignored;  // a folder may vanish while we look
    for (const auto &ns : fs::directory_iterator(folder_)) {
        if (!ns.is_directory(ignored) || !is_label(ns.path().filename().string())) continue;
        for (const auto &instance : fs::directory_iterator(ns.path(), ignored)) {
            if (!instance.is_directory(ignored) || !is_label(instance.path().filename().string())) continue;
            for (const auto &entry : fs::directory_iterator(instance.path(), ignored)) {
                if (entry.path().extension() != ".img" || !is_label(entry.path().stem().string())) continue;
                Place place = place_of(ns.path().filename() / instance.path().filename() / entry.path().stem());
                try {
                    UniqueFd fd = open_image(place.image, O_RDONLY);
                    found.push_back(describe(place, fd.get()));
                } catch (const Failure &failure) {
                    if (failure.code() != Code::not_found) throw;
                }
            }
        }
    }
    std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) { return a.volume < b.volume; });
    return found;
}

// Temporary files whose maker is gone: its lock is free.
void VolumeFiles::remove_leftovers() const {
    std::error_code ignored;
    for (fs::recursive_directory_iterator at(folder_, ignored), end; at != end; at.increment(ignored)) {
        if (at.depth() != 2 || !at->path().filename().string().starts_with(leftover_prefix)) continue;
        UniqueFd fd(open(at->path().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
        if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0) unlink(at->path().c_str());
    }
}

}  // namespace seed::localpath
