// Planting by the platform itself, in an open platform, at a repository's first push: a fresh Ed25519 identity whose CID gives the
// namespace.  The private key stays in the platform's state, so that it can be handed to the owner later.
#pragma once
#include <string>

namespace seed::identity {

struct Identity {
    std::string cid;           // "k51qzi5uqu5d..."
    std::string private_key;   // PKCS#8 PEM
};
Identity make_identity();

}  // namespace seed::identity
