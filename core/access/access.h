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
    // Once, at the start: so that with thousands of repositories the first question does not wait for all.  The lists of an earlier life
    // are kept in the store with their commit; those whose branch has not moved since cost one question for all of them, the others are
    // read, several at a time.  Questions asked meanwhile wait for the former only.
    Task<void> learn();
    void forget(const std::string &repository) {   // its default branch moved
        lists_.erase(repository);
        ++moves_[repository];
    }

private:
    using Keys = std::vector<std::string>;
    struct Reading;

    Task<Keys> listed_keys(const Call &call, std::string repository);
    // The lists of all these, several at a time; the first failure is thrown when all have ended, unless `tolerant`.
    Task<std::map<std::string, Keys>> read_side_by_side(const Call &call, std::vector<std::string> repositories, bool tolerant);
    Task<void> read_next(Call call, std::shared_ptr<Reading> reading);
    void keep(const std::string &repository, const std::string &commit, const Keys &keys);
    void keep_now();

    state::Store &store_;
    std::shared_ptr<providers::Provider> git_;
    std::map<std::string, Keys> lists_;         // by repository, as of its current default branch
    std::map<std::string, uint64_t> moves_;     // how often a branch moved: a list read meanwhile is too old to keep
    std::map<std::string, std::string> unkept_;   // lists that are not in the store yet
    std::shared_ptr<Event> remembering_;        // learn() compares what was kept; null: it does not
};

}  // namespace seed::access
