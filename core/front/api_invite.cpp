// Invitations: the operator names a repository that is not there yet, and the keys of which one may make it with its first push.
//
// An invitation keeps the name, whatever the platform's admission is, and holds until a push has arrived.  From then on the key that pushed
// owns the repository, and .authorized_keys says who else may (core/access).  A first push that brings nothing leaves the invitation as it was.
#include <algorithm>

#include <seed/util/text.h>

#include "core/access/authorized_keys.h"
#include "core/base/log.h"
#include "core/front/api.h"

namespace seed::front {
namespace {

constexpr size_t most_keys = 64;               // of one repository
constexpr size_t longest_key = 4096;           // characters; RSA with 16384 bits has 2750
constexpr size_t longest_shown_key = 250;      // in a refusal: ECDSA with 521 bits has 250

// One line of a .pub file.
state::Invitation parse_key(const std::string &line) {
    if (line.find("PRIVATE KEY") != std::string::npos)
        throw Failure(Code::invalid, "that is a private key, which nobody but its owner should have: give the public one, of the file that ends in .pub");
    state::Invitation invitation;
    if (line.size() <= longest_key) invitation.key = access::canonical_key(line);
    if (invitation.key.empty())
        throw Failure(Code::invalid, "'" + printable(line, 60) + "' is no public SSH key: give a whole line of a .pub file, in quotes, like \"ssh-ed25519 AAAA... alice@laptop\"");
    // What stands behind the second word.
    auto after_word = [](std::string_view text) { return trim(text.substr(std::min(text.size(), text.find_first_of(" \t")))); };
    invitation.comment = printable(after_word(after_word(trim(line))), 100);
    return invitation;
}

json shown(const std::vector<state::Invitation> &invitations) {
    json keys = json::array();
    for (const auto &one : invitations)
        keys.push_back({{"key", one.key}, {"fingerprint", access::fingerprint_of(one.key)}, {"comment", one.comment}, {"created_ms", one.created_ms}});
    return keys;
}

}  // namespace

void Api::must_be_invited(const Person &person, const std::string &repository) {
    auto invitations = deployer_.world().store.invitations(repository);
    if (invitations.empty() && hosting_.open_admission) return;
    for (const auto &one : invitations)
        if (one.key == person.key) return;
    std::string key = person.key.size() <= longest_shown_key ? person.key : "YOUR PUBLIC KEY";
    throw Failure(Code::denied, (invitations.empty() ? "there is no repository " + repository + " and this platform makes none without an invitation"
                                                     : "the name " + repository + " is kept for somebody else: choose another one") +
                                    (hosting_.open_admission ? "" : "; ask its operator for: seed invite add " + repository + " '" + key + "'"));
}

// Not worth failing a push for: what is left is not shown any more, and goes with the next push.
void Api::settle_invitations(const std::string &repository, const std::string &call) {
    try {
        auto &store = deployer_.world().store;
        if (!store.invitations(repository).empty()) store.remove_invitations(repository);
    } catch (const std::exception &failure) {
        log_warning("front", repository + " is made, but its invitations were not removed, ignoring: " + failure.what(), call);
    }
}

Task<json> Api::invitations(Request &request) {
    must_be_operator(request);
    auto &store = deployer_.world().store;
    std::map<std::string, std::vector<state::Invitation>> by_repository;
    for (auto &one : store.invitations("")) by_repository[one.repository].push_back(std::move(one));
    json list = json::array();
    for (const auto &[repository, invitations] : by_repository)
        if (!store.flake(repository)) list.push_back({{"repository", repository}, {"keys", shown(invitations)}});
    co_return json{{"invitations", list}};
}

Task<json> Api::invite(Request &request) {
    must_be_operator(request);
    auto &store = deployer_.world().store;
    std::string repository = model::RepoName(request.args.at("repository").get<std::string>()).str();
    if (repository == platforms_own) throw Failure(Code::invalid, "the repository seed is the platform's own flake: choose another name");
    std::vector<state::Invitation> wanted;
    for (const auto &given : request.args.at("keys"))
        for (const auto &line : split(given.get<std::string>(), '\n')) {
            if (trim(line).empty() || trim(line).front() == '#') continue;
            wanted.push_back(parse_key(std::string(line)));
            wanted.back().repository = repository;
            wanted.back().created_ms = unix_ms_now();
        }
    if (wanted.empty()) throw Failure(Code::invalid, "name the keys that may make " + repository + ": whole lines of their .pub files");
    json answer = {{"repository", repository}};
    if (auto made = store.flake(repository)) {
        std::string owner = access::fingerprint_of(made->owner);
        if (std::none_of(wanted.begin(), wanted.end(), [&](const auto &one) { return one.key == made->owner; }))
            throw Failure(Code::conflict, repository + " exists already and belongs to " + owner + ": choose another name, or ask its owner to add the key to .authorized_keys");
        answer.update({{"state", "made"}, {"owner", owner}, {"added", 0}, {"keys", json::array()}});
        co_return answer;
    }
    size_t added = 0;
    store.transaction([&] {
        for (const auto &one : wanted) added += store.add_invitation(one);
        if (store.invitations(repository).size() > most_keys)
            throw Failure(Code::limit, "an invitation to " + repository + " has at most " + std::to_string(most_keys) +
                                           " keys: invite one person, who lets the others in with .authorized_keys");
    });
    auto all = store.invitations(repository);
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
    size_t removed = store.remove_invitations(repository);
    if (!removed) throw Failure(Code::not_found, "nobody is invited to make " + repository + "; see: invite list");
    log_info("front", "the invitation to make " + repository + " is revoked", request.call.id());
    co_return json{{"repository", repository}, {"revoked", removed}};
}

}  // namespace seed::front
