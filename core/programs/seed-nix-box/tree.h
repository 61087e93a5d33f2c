// What a box sees as its file system: programs of the host read-only, a private /etc, its own /nix, and what the action needs.
#pragma once
#include <filesystem>

#include "core/programs/seed-nix-box/options.h"
#include "core/programs/seed-nix-box/store_image.h"

namespace seed::box {

// Mounts the tree on `root` in the current mount namespace and makes `root` the working directory (a user namespace of ours
// cannot walk the path there).  `build_users`: the build users exist in the box (it has 65536 ids).
void mount_tree(const Options &options, const Store &store, const std::filesystem::path &root, bool build_users);
// In the box's own namespaces: proc, devpts, tmpfs, then the tree becomes /.
void enter_tree(const Options &options);

}  // namespace seed::box
