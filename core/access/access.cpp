#include "core/access/access.h"

#include <algorithm>

#include <seed/git.hpp>

#include "core/access/authorized_keys.h"

namespace seed::access {

std::string_view to_string(Role role) { return role == Role::owner ? "owner" : "collaborator"; }

Task<std::optional<Role>> Access::role(const Call &call, std::string key, std::string repository) {
    auto flake = store_.flake(repository);
    if (!flake || key.empty()) co_return std::nullopt;
    if (flake->owner == key) co_return Role::owner;
    auto keys = co_await listed_keys(call, repository);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) co_return Role::collaborator;
    co_return std::nullopt;
}

Task<std::vector<Access::Membership>> Access::memberships(const Call &call, std::string key) {
    std::vector<Membership> found;
    for (const auto &flake : store_.flakes()) {
        if (flake.owner == key) {
            found.push_back({flake.repository, Role::owner});
            continue;
        }
        std::vector<std::string> read;
        auto known = lists_.find(flake.repository);
        bool must_read = known == lists_.end();
        if (must_read) read = co_await listed_keys(call, flake.repository);
        const auto &keys = must_read ? read : known->second;  // not copied: there may be thousands
        if (std::find(keys.begin(), keys.end(), key) != keys.end()) found.push_back({flake.repository, Role::collaborator});
    }
    co_return found;
}

Task<void> Access::learn() {
    for (const auto &flake : store_.flakes()) {
        Call call("authorized keys", std::chrono::seconds(30));
        try {
            co_await listed_keys(call, flake.repository);
        } catch (const Failure &) {
            // Ignoring: who asks will find out.
        }
    }
}

Task<std::vector<std::string>> Access::listed_keys(const Call &call, std::string repository) {
    if (auto known = lists_.find(repository); known != lists_.end()) co_return known->second;
    std::vector<std::string> keys;
    std::string commit;
    uint64_t seen = changes_;   // a push that lands while we read makes what we read too old to keep
    try {
        git::ResolveRequest head;
        head.repository = repository;
        git::ResolveReply at = co_await git_->ask<git::ResolveReply>(call, "resolve", head);
        commit = at.commit;
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found) throw;   // no commit yet: nobody but the owner
    }
    if (!commit.empty()) {
        git::ReadRequest file;
        file.repository = repository;
        file.commit = commit;
        file.path = ".authorized_keys";
        try {
            git::ReadReply list = co_await git_->ask<git::ReadReply>(call, "read", file);
            if (list.found) keys = parse_authorized_keys(list.content);
        } catch (const Failure &failure) {
            // A file that is too long or not text names nobody; the owner can push a better one.
            if (failure.code() != Code::limit && failure.code() != Code::invalid) throw;
        }
    }
    if (seen == changes_) lists_[repository] = keys;
    co_return keys;
}

}  // namespace seed::access
