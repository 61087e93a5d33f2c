// Who may do what with a repository.
//
// The key is the person.  The key that made a repository owns it for ever; beside the owner, the keys of `.authorized_keys` on the
// default branch may push and manage.  Anyone may read sources.  The list is always the one *before* a push, so that nobody can
// add himself with the push that needs the right.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/names.h"
#include "core/providers/provider.h"
#include "core/state/store.h"

namespace seed::access {

enum class Role { owner, collaborator };
std::string_view to_string(Role role);

class Access {
public:
    Access(state::Store &store, std::shared_ptr<providers::Provider> git) : store_(store), git_(std::move(git)) {}

    // None: this key has no rights there (or the repository does not exist).
    Task<std::optional<Role>> role(const Call &call, std::string key, std::string repository);
    struct Membership {
        std::string repository;
        Role role;
    };
    Task<std::vector<Membership>> memberships(const Call &call, std::string key);
    // Reads every repository's list once, so that with thousands of them the first question does not wait for all.
    Task<void> learn();
    void forget(const std::string &repository) {   // its default branch moved
        lists_.erase(repository);
        ++changes_;
    }

private:
    Task<std::vector<std::string>> listed_keys(const Call &call, std::string repository);

    state::Store &store_;
    std::shared_ptr<providers::Provider> git_;
    std::map<std::string, std::vector<std::string>> lists_;   // by repository, as of its current default branch
    uint64_t changes_ = 0;
};

}  // namespace seed::access
