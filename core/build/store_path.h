// Where Nix keeps a source: computed, not asked, so that nobody has to be believed.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace seed::build {

// The 32 bytes of "sha256-BASE64=" (an SRI hash, as flake.lock has it); none when it is anything else.
std::optional<std::string> parse_sri_sha256(std::string_view text);
std::string nix_base32(std::string_view bytes);  // Nix's own alphabet and order
// "/nix/store/HASH-source" of a tree whose NAR has this SHA-256 (32 bytes).
std::string source_store_path(std::string_view nar_sha256);

}  // namespace seed::build
