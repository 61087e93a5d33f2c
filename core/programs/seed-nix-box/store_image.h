// The store of one namespace on disk: a sparse ext4 image mounted through a loop device (a real limit in bytes and files), or a
// plain folder where there is no loop device or no root.
//
// The image is mounted only in the caller's private mount namespace.  Two boxes never mount it at once: the lock is taken on the
// very open file that the loop device keeps, so it is released when the kernel has let go of the device, not when we exit.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include <seed/util/fd.h>

#include "core/programs/seed-nix-box/options.h"

namespace seed::box {

struct Store {
    std::filesystem::path root;  // nix/ and src/ lie below
    UniqueFd lock;               // keeps other boxes out
    bool image = false;
    std::string remark;  // why there is no disk limit; empty: there is one
};

// Makes what is absent.  `owner` gets nix/ and src/ (host uid).  With an image: to be called in a private mount namespace.
Store open_store(const Options &options, bool use_image, uid_t owner);
// Gives the image's free blocks back to the host's file system; a failure is ignored, it costs only space.
void trim_store(const Store &store);

}  // namespace seed::box
