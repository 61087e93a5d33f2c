#include "core/access/invitations.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/access/authorized_keys.h"

namespace seed::access {
namespace {

using json = nlohmann::json;

constexpr const char *setting = "invitations";   // {REPOSITORY: [{"key", "comment", "created_ms"}]}
constexpr size_t most_keys = 64, most_repositories = 1000;
constexpr size_t longest_key = 4096;             // characters; RSA with 16384 bits has 2750

}  // namespace

Invitations::ByRepository Invitations::all() const {
    ByRepository found;
    json kept = json::parse(store_.setting(setting).value_or("{}"));
    for (const auto &[repository, keys] : kept.items())
        for (const auto &one : keys) found[repository].push_back({one.at("key").get<std::string>(), one.value("comment", ""), one.value("created_ms", int64_t{0})});
    return found;
}

std::vector<InvitedKey> Invitations::of(const std::string &repository) const {
    auto invitations = all();
    auto found = invitations.find(repository);
    return found == invitations.end() ? std::vector<InvitedKey>() : found->second;
}

size_t Invitations::add(const std::string &repository, const std::vector<InvitedKey> &keys) {
    auto invitations = all();
    auto &mine = invitations[repository];
    size_t before = mine.size();
    for (const auto &wanted : keys)
        if (std::none_of(mine.begin(), mine.end(), [&](const auto &one) { return one.key == wanted.key; })) mine.push_back(wanted);
    size_t added = mine.size() - before;
    if (mine.size() > most_keys)
        throw Failure(Code::limit, "an invitation to " + repository + " has at most " + std::to_string(most_keys) +
                                       " keys: invite one person, who lets the others in with .authorized_keys");
    if (invitations.size() > most_repositories)
        throw Failure(Code::limit, std::to_string(most_repositories) + " invitations are waiting, as many as are kept: revoke some that nobody uses; see: invite list");
    if (added) keep(invitations);
    return added;
}

size_t Invitations::remove(const std::string &repository) {
    auto invitations = all();
    auto found = invitations.find(repository);
    if (found == invitations.end()) return 0;
    size_t count = found->second.size();
    invitations.erase(found);
    keep(invitations);
    return count;
}

void Invitations::keep(const ByRepository &invitations) {
    json kept = json::object();
    for (const auto &[repository, keys] : invitations)
        for (const auto &one : keys) kept[repository].push_back({{"key", one.key}, {"comment", one.comment}, {"created_ms", one.created_ms}});
    store_.set_setting(setting, kept.dump());
}

InvitedKey parse_invited_key(const std::string &line, int64_t now_ms) {
    if (line.find("PRIVATE KEY") != std::string::npos)
        throw Failure(Code::invalid, "that is a private key, which nobody but its owner should have: give the public one, of the file that ends in .pub");
    InvitedKey invited;
    if (line.size() <= longest_key) invited.key = canonical_key(line);
    if (invited.key.empty() || !is_whole_key(invited.key))
        throw Failure(Code::invalid, "'" + printable(line, 60) + "' is no public SSH key: give a whole line of a .pub file, in quotes, like \"ssh-ed25519 AAAA... alice@laptop\"");
    // What stands behind the second word.
    auto after_word = [](std::string_view text) { return trim(text.substr(std::min(text.size(), text.find_first_of(" \t")))); };
    invited.comment = printable(after_word(after_word(trim(line))), 100);
    invited.created_ms = now_ms;
    return invited;
}

}  // namespace seed::access
