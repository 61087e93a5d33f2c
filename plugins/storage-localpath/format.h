// Makes an empty ext4 file system in an image file.  The only time the host touches a volume's content: before any guest has.
#pragma once
#include <chrono>
#include <filesystem>

namespace seed::localpath {

bool can_format();  // mkfs.ext4 is installed
// Runs mkfs.ext4, caged to this one file, with our own defaults (written to `configuration`), so that every host makes the same
// file systems and nothing of /etc is needed.  Throws Failure: limit when the disk is full, timeout after `patience`.
void format_ext4(const std::filesystem::path &image, const std::filesystem::path &configuration,
                 std::chrono::milliseconds patience);

}  // namespace seed::localpath
