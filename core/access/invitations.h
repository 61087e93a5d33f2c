// Who may make a repository that is not there yet, as the operator said it (core/front/api_invite.cpp).
//
// Kept as one JSON document among the store's settings: a platform has few invitations at a time, and each goes when it is used.  Called from
// the core's thread; throws what the store throws.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/store.h"

namespace seed::access {

struct InvitedKey {
    std::string key;      // canonical "TYPE BASE64"
    std::string comment;  // what stood behind it, for people
    int64_t created_ms = 0;
};

class Invitations {
public:
    explicit Invitations(state::Store &store) : store_(store) {}  // borrowed

    using ByRepository = std::map<std::string, std::vector<InvitedKey>>;   // the keys in the order of their invitations
    ByRepository all() const;
    std::vector<InvitedKey> of(const std::string &repository) const;  // empty: nobody is invited
    // How many of the keys were not invited before; those that were stay as they are.  Failure(limit) beyond 64 keys for a repository or
    // 1000 repositories: then nothing is added.
    size_t add(const std::string &repository, const std::vector<InvitedKey> &keys);
    size_t remove(const std::string &repository);  // how many keys there were

private:
    void keep(const ByRepository &invitations);
    state::Store &store_;
};

// One line of a .pub file.  Failure(invalid) says what to give instead; a private key is not repeated.
InvitedKey parse_invited_key(const std::string &line, int64_t now_ms);

}  // namespace seed::access
