// The SSH host key: made once, kept, and published as SSHFP records of Silo's name.
//
// Replacing it: a key pair `ssh_host_ed25519_key.next`, `.next.pub` beside it is published too; a day later it takes the place of
// the old one (docs/silo.md).
#pragma once
#include <filesystem>
#include <string>

#include "core/names/records.h"

namespace seed::program {

void make_host_key(const std::filesystem::path &file);  // and FILE.pub; does nothing when it exists
// Never fails: a platform whose DNS has no place for them, or is ill, goes on without, and the log says so.
Task<void> publish_host_keys(const Call &call, names::Records &records, const std::filesystem::path &file, std::string silo, std::string domain);

}  // namespace seed::program
