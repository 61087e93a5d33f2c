// What identifies a tree for Nix: the hash of its serialisation as a NAR.
#pragma once
#include <string>

namespace seed::box {

// "sha256-BASE64" of a folder or file; throws Failure(internal) when Nix says something else.
std::string nar_hash(const std::string &path);

}  // namespace seed::box
