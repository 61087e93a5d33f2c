// flake.lock, read by our own code before Nix sees it: Nix would fetch whatever it names, `path:/etc` included.
//
// What comes out is all that a fetch needs: an https address or a repository of this platform, and the one place in the store
// where the result must be found.  Nothing of the file's own text goes further.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace seed::build {

struct LockedInput {
    enum class From { archive, git, platform };
    std::string name;        // of its node, printable
    std::string text;        // as people write it: "github:NixOS/nixpkgs"
    From from = From::archive;
    std::string url;         // archive and git: https
    std::string host;        // of `url`
    std::string repository;  // platform
    std::string revision;    // git and platform: 40 or 64 hex digits
    std::string nar_hash;    // "sha256-..."
    std::string store_path;  // what `nar_hash` means in a store
    std::string key;         // hex; the same origin with the same content has the same
};

struct InputRules {
    // "public": every type, over https.  Otherwise rules (core/model/input_rule.h).
    std::vector<std::string> allowed;
    // Git inputs of this host (by ssh or https) are repositories of this platform and always allowed; empty: there are none.
    std::string platform_host;
};

inline constexpr size_t most_inputs = 256;  // nodes of a lock file

// Every input, each content and origin once.  Throws Failure(invalid) that names the first input that is not allowed, not locked
// or not understood.  No lock file: no inputs; evaluation then refuses those that flake.nix has.
std::vector<LockedInput> read_flake_lock(const std::optional<std::string> &text, const InputRules &rules);

// The same lock for Nix before 2.10, which knows no `lastModified`, `rev` or `revCount` in tarball inputs that newer ones write; none:
// there is nothing to leave out.  `text` has been read by read_flake_lock.
std::optional<std::string> for_older_nix(const std::string &text);

}  // namespace seed::build
