// Which repository or instance somebody means, of those that he may see.
#include <algorithm>

#include <seed/util/nearest.h>
#include <seed/util/text.h>

#include "core/front/api.h"
#include "core/model/names.h"

namespace seed::front {
namespace {

std::string joined(const std::vector<std::string> &names) {
    std::string list;
    for (const auto &name : names) list += (list.empty() ? "" : ", ") + name;
    return list;
}

// What he may not see is not there for him, so it is not suggested either.
Failure not_found(const std::string &what, const std::string &among, const std::string &wanted, const std::vector<std::string> &there) {
    std::string meant(nearest(wanted, there));
    return Failure(Code::not_found, "no " + what + " " + wanted + " among " + among + "; " + (meant.empty() ? "see: status" : "did you mean " + meant + "?"));
}

std::vector<std::string> names_of(const std::vector<access::Access::Membership> &members) {
    std::vector<std::string> names;
    for (const auto &member : members) names.push_back(member.repository);
    return names;
}

}  // namespace

Task<std::vector<access::Access::Membership>> Api::visible(const Request &request) {
    std::vector<access::Access::Membership> found;
    if (request.kind == PeerKind::operator_) {
        for (const auto &flake : deployer_.world().store.flakes()) found.push_back({flake.repository, access::Role::owner});
        co_return found;
    }
    found = co_await access_.memberships(request.call, request.person.key);
    co_return found;
}

Task<access::Access::Membership> Api::resolve_membership(const Request &request, std::string text) {
    if (!text.empty()) text = model::RepoName(text).str();
    auto members = co_await visible(request);
    auto named = std::find_if(members.begin(), members.end(), [&](const auto &member) { return member.repository == text; });
    if (named != members.end()) co_return *named;
    if (!text.empty()) throw not_found("repository", "yours", text, names_of(members));
    if (members.size() == 1) co_return members[0];
    if (members.empty()) throw Failure(Code::not_found, "you have no repository yet; see: help");
    throw Failure(Code::conflict, "say which repository; one of: " + joined(names_of(members)));
}

Task<std::string> Api::resolve_repository(const Request &request, std::string text) {
    auto member = co_await resolve_membership(request, std::move(text));
    co_return member.repository;
}

Task<Api::Target> Api::resolve_instance(const Request &request, std::string text) {
    auto slash = text.find('/');
    std::string repository = slash == std::string::npos ? "" : text.substr(0, slash);
    std::string instance = slash == std::string::npos ? text : text.substr(slash + 1);
    if (!repository.empty()) repository = co_await resolve_repository(request, repository);
    instance = model::InstanceName(instance).str();
    std::vector<Target> candidates;
    std::vector<std::string> there;
    auto members = co_await visible(request);
    for (const auto &member : members) {
        if (!repository.empty() && member.repository != repository) continue;
        for (const auto &[name, spec] : deployer_.worker(member.repository).current()) {
            there.push_back(repository.empty() ? name : member.repository + "/" + name);
            if (name == instance) candidates.push_back({member.repository, instance});
        }
    }
    if (candidates.size() == 1) co_return candidates[0];
    if (candidates.empty()) throw not_found("instance", "your repositories", repository.empty() ? instance : repository + "/" + instance, there);
    there.clear();
    for (const auto &candidate : candidates) there.push_back(candidate.repository + "/" + candidate.instance);
    throw Failure(Code::conflict, text + " is ambiguous; say one of: " + joined(there));
}

// "REPOSITORY/INSTANCE", "INSTANCE", "REPOSITORY" or, where that is an instance's name as well, "REPOSITORY/".
Task<Api::Target> Api::resolve_rollback_target(const Request &request, std::string text) {
    if (text.ends_with('/')) {
        Target whole;
        text.pop_back();
        whole.repository = co_await resolve_repository(request, model::RepoName(text).str());
        co_return whole;
    }
    auto members = co_await visible(request);
    bool is_repository = std::any_of(members.begin(), members.end(), [&](const auto &member) { return member.repository == text; });
    std::optional<Target> instance;
    try {
        Target found = co_await resolve_instance(request, text);
        instance = found;
    } catch (const Failure &failure) {
        if (!is_repository) throw;
    }
    if (instance && is_repository)
        throw Failure(Code::conflict, text + " is ambiguous; say one of: " + text + "/ (the whole repository), " + instance->repository + "/" + instance->instance);
    if (instance) co_return *instance;
    co_return Target{text, ""};
}

}  // namespace seed::front
