// Invitations: the operator names a repository that is not there yet, and the keys of which one may make it with its first push.
//
// An invitation keeps the name, whatever the platform's admission is, and holds until a push has arrived.  From then on the key that pushed
// owns the repository, and .authorized_keys says who else may (core/access).  A first push that brings nothing leaves the invitation as it was.
#include <algorithm>

#include <seed/util/text.h>

#include "core/access/authorized_keys.h"
#include "core/access/invitations.h"
#include "core/base/log.h"
#include "core/front/api.h"

namespace seed::front {
namespace {

using access::InvitedKey;

constexpr size_t longest_shown_key = 250;      // in a refusal: ECDSA with 521 bits has 250

json shown(const std::vector<InvitedKey> &keys) {
    json list = json::array();
    for (const auto &one : keys)
        list.push_back({{"key", one.key}, {"fingerprint", access::fingerprint_of(one.key)}, {"comment", one.comment}, {"created_ms", one.created_ms}});
    return list;
}

bool holds(const std::vector<InvitedKey> &keys, const std::string &key) {
    return std::any_of(keys.begin(), keys.end(), [&](const auto &one) { return one.key == key; });
}

}  // namespace

void Api::must_be_invited(const Person &person, const std::string &repository) {
    auto invited = access::Invitations(deployer_.world().store).of(repository);
    if (invited.empty() ? hosting_.open_admission : holds(invited, person.key)) return;
    std::string key = person.key.size() <= longest_shown_key ? person.key : "YOUR PUBLIC KEY";
    throw Failure(Code::denied, (invited.empty() ? "there is no repository " + repository + " and this platform makes none without an invitation"
                                                 : "the name " + repository + " is kept for somebody else: choose another one") +
                                    (hosting_.open_admission ? "" : "; ask its operator for: seed invite add " + repository + " '" + key + "'"));
}

// Not worth failing a push for: what is left is not shown any more, and goes with the next push.
void Api::settle_invitations(const std::string &repository, const std::string &call) {
    try {
        access::Invitations(deployer_.world().store).remove(repository);
    } catch (const std::exception &failure) {
        log_warning("front", repository + " is made, but its invitation was not removed, ignoring: " + failure.what(), call);
    }
}

json Api::invitations_of(const std::string &key) {
    auto &store = deployer_.world().store;
    json names = json::array();
    for (const auto &[repository, keys] : access::Invitations(store).all())
        if (holds(keys, key) && !store.flake(repository)) names.push_back(repository);
    return names;
}

Task<json> Api::invitations(Request &request) {
    must_be_operator(request);
    auto &store = deployer_.world().store;
    json list = json::array();
    auto all = access::Invitations(store).all();
    for (const auto &[repository, keys] : all)
        if (!store.flake(repository)) list.push_back({{"repository", repository}, {"keys", shown(keys)}});
    co_return json{{"invitations", list}};
}

Task<json> Api::invite(Request &request) {
    must_be_operator(request);
    auto &store = deployer_.world().store;
    std::string repository = model::RepoName(request.args.at("repository").get<std::string>()).str();
    if (repository == platforms_own) throw Failure(Code::invalid, "the repository seed is the platform's own flake: choose another name");
    std::vector<InvitedKey> wanted;
    for (const auto &given : request.args.at("keys")) {
        auto lines = split(given.get<std::string>(), '\n');
        for (const auto &line : lines)
            if (!trim(line).empty() && trim(line).front() != '#') wanted.push_back(access::parse_invited_key(std::string(line), unix_ms_now()));
    }
    if (wanted.empty()) throw Failure(Code::invalid, "name the keys that may make " + repository + ": whole lines of their .pub files");
    json answer = {{"repository", repository}};
    if (auto made = store.flake(repository)) {
        std::string owner = access::fingerprint_of(made->owner);
        if (!holds(wanted, made->owner))
            throw Failure(Code::conflict, repository + " exists already and belongs to " + owner + ": choose another name, or ask its owner to add the key to .authorized_keys");
        answer.update({{"state", "made"}, {"owner", owner}, {"added", 0}, {"keys", json::array()}});
        co_return answer;
    }
    access::Invitations invitations(store);
    size_t added = invitations.add(repository, wanted);
    auto all = invitations.of(repository);
    std::string whom;
    for (const auto &one : all) whom += " " + access::fingerprint_of(one.key);
    log_info("front", "invited to make " + repository + ":" + whom, request.call.id());
    answer.update({{"state", "waiting"}, {"added", added}, {"keys", shown(all)}});
    co_return answer;
}

Task<json> Api::invite_revoke(Request &request) {
    must_be_operator(request);
    auto &store = deployer_.world().store;
    std::string repository = model::RepoName(request.args.at("repository").get<std::string>()).str();
    if (auto made = store.flake(repository))
        throw Failure(Code::conflict, repository + " is made already and belongs to " + access::fingerprint_of(made->owner) + ": there is no invitation left to revoke");
    size_t removed = access::Invitations(store).remove(repository);
    if (!removed) throw Failure(Code::not_found, "nobody is invited to make " + repository + "; see: invite list");
    log_info("front", "the invitation to make " + repository + " is revoked", request.call.id());
    co_return json{{"repository", repository}, {"revoked", removed}};
}

}  // namespace seed::front
