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
    UniqueFd mounted;    // of the image's file system, from before the first write
    std::string remark;  // why there is no disk limit; empty: there is one
};

// Makes what is absent.  `owner` gets nix/ and src/ (host uid).  With an image: to be called in a private mount namespace.
Store open_store(const Options &options, bool use_image, uid_t owner);
// Waits until everything written lies on the host's disk.  False: some of it found no room there, or was not taken.  Whoever wrote it was
// not told, and nothing in the image can be believed any more: it has been removed, and the next box makes a new one.
bool settle_store(const Options &options, const Store &store);
// Gives the image's free blocks back to the host's file system; a failure is ignored, it costs only space.
void trim_store(const Store &store);

}  // namespace seed::box
