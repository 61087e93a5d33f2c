// Bare repositories below one folder: NAME.git.  Thread-safe: the file system is the only state.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace seed::silo {

// 1-64 of [a-z0-9._-], alphanumeric at both ends, no "..", not ending in ".git" or ".lock": safe as a path.
bool valid_name(std::string_view name);

class Repositories {
public:
    explicit Repositories(std::filesystem::path folder);  // made when missing; leftovers of interrupted work are removed
    const std::filesystem::path &folder() const { return folder_; }

    std::vector<std::string> names() const;                        // sorted
    std::filesystem::path require(const std::string &name) const;  // Failure(not_found), Failure(invalid)
    void create(const std::string &name) const;                    // idempotent and atomic
    void remove(const std::string &name) const;                    // of nothing succeeds
    uint64_t size(const std::string &name) const;                  // bytes on disk

private:
    std::filesystem::path path_of(const std::string &name) const;
    std::filesystem::path folder_;
};

uint64_t bytes_below(const std::filesystem::path &folder);  // allocated on disk; what vanishes meanwhile is not counted

}  // namespace seed::silo
