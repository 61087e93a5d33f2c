#include "core/access/access.h"

#include <algorithm>
#include <utility>

#include <seed/git.hpp>

#include <boost/asio/post.hpp>

#include "core/access/authorized_keys.h"
#include "core/base/log.h"

namespace seed::access {
namespace {

using json = nlohmann::json;

constexpr const char *kept_lists = "authorized_keys";   // kind of the store's cache: {"commit", "keys"} by repository
constexpr size_t side_by_side = 8;                      // lists read at once: the provider has other work, too
constexpr size_t kept_together = 256;

}  // namespace

std::string_view to_string(Role role) { return role == Role::owner ? "owner" : "collaborator"; }

Task<std::optional<Role>> Access::role(const Call &call, std::string key, std::string repository) {
    auto flake = store_.flake(repository);
    if (!flake || key.empty()) co_return std::nullopt;
    if (flake->owner == key) co_return Role::owner;
    auto keys = co_await listed_keys(call, repository);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) co_return Role::collaborator;
    co_return std::nullopt;
}

// What several coroutines read from one list of repositories.
struct Access::Reading {
    explicit Reading(asio::any_io_executor executor) : done(executor) {}
    std::vector<std::string> left;
    std::map<std::string, Keys> found;
    size_t readers = 0;
    bool tolerant = false;
    std::exception_ptr failure;
    Event done;
};

Task<std::vector<Access::Membership>> Access::memberships(const Call &call, std::string key) {
    if (auto remembering = remembering_) co_await remembering->wait_until(call.deadline());
    call.check();
    std::vector<std::string> unknown;
    std::vector<state::Flake> flakes = store_.flakes();
    for (const auto &flake : flakes)
        if (flake.owner != key && !lists_.contains(flake.repository)) unknown.push_back(flake.repository);
    std::map<std::string, Keys> read;
    if (!unknown.empty()) read = co_await read_side_by_side(call, std::move(unknown), /*tolerant=*/false);
    std::vector<Membership> found;
    for (const auto &flake : flakes) {
        if (flake.owner == key) {
            found.push_back({flake.repository, Role::owner});
            continue;
        }
        auto now = read.find(flake.repository);
        auto known = lists_.find(flake.repository);
        if (now == read.end() && known == lists_.end()) continue;   // its branch moved while the others were read: the next question sees it
        const Keys &keys = now != read.end() ? now->second : known->second;
        if (std::find(keys.begin(), keys.end(), key) != keys.end()) found.push_back({flake.repository, Role::collaborator});
    }
    co_return found;
}

Task<void> Access::learn() {
    auto executor = co_await asio::this_coro::executor;
    auto remembering = remembering_ = std::make_shared<Event>(executor);
    struct Done {
        Access &access;
        std::shared_ptr<Event> remembering;
        ~Done() { end(); }
        void end() {
            access.remembering_.reset();
            remembering->set();
        }
    } done{*this, remembering};
    std::vector<std::string> unknown;
    std::map<std::string, std::string> heads;
    try {
        Call call("authorized keys", std::chrono::minutes(2));
        json nothing = json::object();
        git::ListReply hosted = co_await git_->ask<git::ListReply>(call, "list", nothing);
        for (const auto &repository : hosted.repositories) heads[repository.name] = repository.head;
    } catch (const std::exception &failure) {
        log_warning("access", std::string("whose keys may push is asked repository by repository: ") + failure.what());
    }
    size_t looked = 0;
    for (const auto &flake : store_.flakes()) {
        const std::string &repository = flake.repository, &head = heads[repository];
        if (lists_.contains(repository)) continue;
        bool moved = moves_.contains(repository);   // since we asked
        auto kept = head.empty() || moved ? std::nullopt : store_.cached(kept_lists, repository);
        json list = kept ? json::parse(*kept, nullptr, /*allow_exceptions=*/false) : json();
        if (list.is_object() && list.value("commit", "") == head) lists_[repository] = list.value("keys", Keys());
        else unknown.push_back(repository);
        if (++looked % 256 == 0) co_await asio::post(executor, asio::use_awaitable);   // others have their turn
    }
    done.end();
    for (const auto &repository : store_.cached_keys(kept_lists, ""))
        if (!store_.flake(repository)) store_.forget_cached(kept_lists, repository);
    if (unknown.empty()) co_return;
    Call call("authorized keys", std::chrono::minutes(10));
    co_await read_side_by_side(call, std::move(unknown), /*tolerant=*/true);   // who asks will find out
}

Task<std::map<std::string, Access::Keys>> Access::read_side_by_side(const Call &call, std::vector<std::string> repositories, bool tolerant) {
    auto executor = co_await asio::this_coro::executor;
    auto reading = std::make_shared<Reading>(executor);
    reading->left = std::move(repositories);
    reading->tolerant = tolerant;
    reading->readers = std::min(side_by_side, reading->left.size());
    for (size_t n = reading->readers; n > 0; --n) spawn_task(executor, "authorized keys", read_next(call, reading));
    co_await reading->done.wait();
    keep_now();
    if (reading->failure) std::rethrow_exception(reading->failure);
    co_return std::move(reading->found);
}

Task<void> Access::read_next(Call call, std::shared_ptr<Reading> reading) {
    while (!reading->left.empty() && !reading->failure) {
        std::string repository = std::move(reading->left.back());
        reading->left.pop_back();
        try {
            Call part = call.within(std::chrono::seconds(30));
            Keys keys = co_await listed_keys(part, repository);
            reading->found[repository] = std::move(keys);
        } catch (...) {
            if (!reading->tolerant) reading->failure = std::current_exception();
        }
    }
    if (--reading->readers == 0) reading->done.set();
}

Task<Access::Keys> Access::listed_keys(const Call &call, std::string repository) {
    if (auto known = lists_.find(repository); known != lists_.end()) co_return known->second;
    Keys keys;
    std::string commit;
    uint64_t seen = moves_[repository];
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
    if (seen == moves_[repository]) lists_[repository] = keys;
    if (!commit.empty()) keep(repository, commit, keys);
    co_return keys;
}

// For the next life; many in one commit to the disk, and what is lost is read again.  What a commit holds never changes, so an old entry
// harms nobody: it is not used once the branch has moved.
void Access::keep(const std::string &repository, const std::string &commit, const Keys &keys) {
    unkept_[repository] = json{{"commit", commit}, {"keys", keys}}.dump();
    if (unkept_.size() >= kept_together) keep_now();
}

void Access::keep_now() {
    auto lists = std::exchange(unkept_, {});
    if (lists.empty()) return;
    try {
        store_.transaction([&] {
            for (const auto &[repository, list] : lists) store_.cache(kept_lists, repository, list);
        });
    } catch (const std::exception &failure) {   // a full disk, mostly
        log_warning("access", "the keys of " + std::to_string(lists.size()) + " repositories are not kept for the next start, ignoring: " + failure.what());
    }
}

}  // namespace seed::access
