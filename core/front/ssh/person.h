// Who is there: an SSH public key, nothing else.  Which keys may do what is decided by seedd, not here.
#pragma once
#include <optional>
#include <string>

struct ssh_key_struct;

namespace seed::front {

struct Person {
    std::string key;          // "ssh-ed25519 AAAA...", as in authorized_keys
    std::string fingerprint;  // "SHA256:..."
};

// None for kinds of keys we do not take: DSA, RSA below 2048 bits, certificates.
std::optional<Person> person_of(ssh_key_struct *key);

}  // namespace seed::front
