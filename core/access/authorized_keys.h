// The `.authorized_keys` file of a repository: who may push, read logs, restart.
//
// Format of OpenSSH's authorized_keys(5): optional options, key type, base64, comment.  Options are accepted and ignored, except
// that a `cert-authority` line names no key.  A key matches when type and decoded bytes are equal: never by substring.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed::access {

// "ssh-ed25519 AAAA..." of each valid line, without comment; lines that are not keys are left out.
std::vector<std::string> parse_authorized_keys(std::string_view content);
// "TYPE BASE64" in canonical form (base64 re-encoded), or empty when the text is not a public key of a type we accept.
std::string canonical_key(std::string_view text);

// Whether a canonical key is there to its end: one that was cut short, as when copied by hand, names nobody.
bool is_whole_key(std::string_view key);
// "SHA256:..." of a canonical key, as ssh-keygen -l shows it; what is no key stays as it is.
std::string fingerprint_of(const std::string &key);

}  // namespace seed::access
