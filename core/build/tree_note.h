// What we know of an unpacked source: which inputs it locks, and whether it may be evaluated.  On the host's side, trusted.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/build/flake_lock.h"

namespace seed::build {

struct NotedInput {
    std::string key, store_path;  // of LockedInput
    bool from_network = false;
};
struct TreeNote {
    std::string rules;  // under which its lock file was found good and its inputs were fetched; "pending": they were not yet
    std::vector<NotedInput> inputs;

    static TreeNote of(const std::vector<LockedInput> &inputs);
    static std::optional<TreeNote> read(const std::filesystem::path &file);  // none: absent or not ours
    void write(const std::filesystem::path &file) const;
    bool from_network() const;
};

}  // namespace seed::build
