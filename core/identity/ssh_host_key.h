// The platform's SSH host key: Ed25519, made by us, because ssh-keygen wants an account and a platform may run without one.
#pragma once
#include <string>

namespace seed::identity {

struct SshKey {
    std::string private_key;   // OpenSSH's own format (PROTOCOL.key), not encrypted
    std::string public_key;    // "ssh-ed25519 BASE64"
};
SshKey make_ssh_key(const std::string &comment);

}  // namespace seed::identity
