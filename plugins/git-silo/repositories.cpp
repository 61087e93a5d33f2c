#include "repositories.h"

#include <dirent.h>
#include <fcntl.h>
#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "git_objects.h"

namespace seed::silo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view ending = ".git", leftover = ".leftover-";  // no repository's name begins with a dot

bool alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

uint64_t bytes_below(UniqueFd folder, int depth) {
    std::unique_ptr<DIR, int (*)(DIR *)> listing(::fdopendir(folder.get()), ::closedir);
    if (!listing) return 0;
    int fd = folder.release();
    uint64_t total = 0;
    while (dirent *entry = ::readdir(listing.get())) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        struct stat status {};
        if (::fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        total += uint64_t(status.st_blocks) * 512;
        if (!S_ISDIR(status.st_mode) || depth == 0) continue;
        UniqueFd below(::openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (below) total += bytes_below(std::move(below), depth - 1);
    }
    return total;
}

}  // namespace

bool valid_name(std::string_view name) {
    if (name.empty() || name.size() > 64 || !alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
    if (name.find("..") != name.npos || name.ends_with(".git") || name.ends_with(".lock")) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

uint64_t bytes_below(const fs::path &folder) {
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd ? bytes_below(std::move(fd), 64) : 0;
}

Repositories::Repositories(fs::path folder) : folder_(std::move(folder)) {
    make_directory(folder_, 0700);
    for (auto &entry : fs::directory_iterator(folder_)) {
        std::error_code ignored;
        if (entry.path().filename().string().starts_with(leftover)) fs::remove_all(entry.path(), ignored);
    }
}

fs::path Repositories::path_of(const std::string &name) const {
    if (!valid_name(name))
        throw Failure(
            Code::invalid,
            "'" + printable(name, 80) +
                "' cannot name a repository: use 1-64 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends");
    return folder_ / (name + std::string(ending));
}

std::vector<std::string> Repositories::names() const {
    std::vector<std::string> result;
    for (auto &entry : fs::directory_iterator(folder_)) {
        std::string name = entry.path().filename();
        if (!name.ends_with(ending)) continue;
        name.resize(name.size() - ending.size());
        if (valid_name(name)) result.push_back(name);
    }
    std::sort(result.begin(), result.end());
    return result;
}

fs::path Repositories::require(const std::string &name) const {
    fs::path path = path_of(name);
    if (!fs::is_directory(path)) throw Failure(Code::not_found, "there is no repository '" + name + "'");
    return path;
}

void Repositories::create(const std::string &name) const {
    fs::path path = path_of(name);
    if (fs::is_directory(path)) return;
    fs::path fresh = folder_ / (std::string(leftover) + random_hex(8));
    make_directory(fresh, 0700);
    init_bare(fresh);
    if (::rename(fresh.c_str(), path.c_str()) == 0) return;
    int error = errno;
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    if (error != EEXIST && error != ENOTEMPTY) fail_errno("making " + path.string(), error);  // else somebody was faster
}

void Repositories::remove(const std::string &name) const {
    fs::path path = path_of(name), doomed = folder_ / (std::string(leftover) + random_hex(8));
    if (::rename(path.c_str(), doomed.c_str()) != 0) {
        if (errno == ENOENT) return;
        fail_errno("removing " + path.string());
    }
    fs::remove_all(doomed);
}

uint64_t Repositories::size(const std::string &name) const {
    return bytes_below(path_of(name));
}

}  // namespace seed::silo
