// The platform's SSH host key: Ed25519, made by us, because ssh-keygen wants an account and a platform may run without one.
#pragma once
#include <string>

namespace seed::identity {

struct SshKey {
    std::string private_key;   // OpenSSH's own format (PROTOCOL.key), not encrypted
    std::string public_key;    // "ssh-ed25519 BASE64"
};
SshKey make_ssh_key(const std::string &comment);
// What an SSHFP record says of a public key ("ssh-ed25519 BASE64 ..."): "4 2 HEX", SHA-256 (RFC 4255, 6594, 7479).  Failure(invalid)
// for other kinds of keys.
std::string sshfp_of(const std::string &public_key);

}  // namespace seed::identity
