// What was deployed when and by whom, what could be gone back to, and going back: deployments, generations, rollback.
#include <algorithm>

#include <seed/util/text.h>

#include "core/base/async.h"
#include "core/deploy/generations.h"
#include "core/front/api.h"

namespace seed::front {
namespace {

// "SHA256:..." as ssh-keygen -l shows it; empty when nobody did it.
std::string fingerprint_of(const std::string &key) {
    size_t space = key.find(' ');
    auto blob = space == std::string::npos ? std::nullopt : base64_decode(std::string_view(key).substr(space + 1));
    if (!blob) return key;
    std::string text = base64(sha256(*blob));
    text.erase(text.find_last_not_of('=') + 1);
    return "SHA256:" + text;
}

int64_t number_of(const state::Store &store, const std::string &repository, const std::string &hash) {
    if (hash.empty()) return 0;
    auto generation = store.generation(repository, hash);
    return generation ? generation->number : 0;   // 0: collected
}

// What a listener and its coroutine share: the coroutine may end, with its asker, before the deployment does.
struct Outcome {
    explicit Outcome(asio::any_io_executor executor) : settled(executor) {}
    Event settled;
    state::Revision revision;
};

}  // namespace

json Api::deployment_json(const state::Revision &revision) const {
    const auto &store = deployer_.world().store;
    json timings = revision.timings.empty() ? json::object() : parse_json(revision.timings, "timings");
    return {{"id", revision.id},
            {"repository", revision.repository},
            {"kind", revision.kind},
            {"commit", revision.commit},
            {"by", fingerprint_of(revision.pushed_by)},
            {"state", revision.state},
            {"stage", revision.stage},
            {"message", revision.message},
            {"generation", number_of(store, revision.repository, revision.generation)},
            {"generation_hash", revision.generation},
            {"previous", number_of(store, revision.repository, revision.previous)},
            {"created_ms", revision.created_ms},
            {"finished_ms", revision.finished_ms},
            {"timings", timings}};
}

Task<json> Api::deployments(Request &request) {
    std::string only = request.args.value("repository", "");
    if (!only.empty()) only = co_await resolve_repository(request, only);
    int limit = std::clamp(request.args.value("limit", 20), 1, 1000);
    std::vector<state::Revision> found;
    auto members = co_await visible(request);
    for (const auto &member : members) {
        if (!only.empty() && member.repository != only) continue;
        for (auto &revision : deployer_.world().store.revisions(member.repository, limit)) found.push_back(std::move(revision));
    }
    std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) { return a.id > b.id; });
    json list = json::array();
    for (const auto &revision : found)
        if (list.size() < static_cast<size_t>(limit)) list.push_back(deployment_json(revision));
    co_return json{{"deployments", list}};
}

Task<json> Api::generations(Request &request) {
    std::string repository = co_await resolve_repository(request, request.args.value("repository", ""));
    const auto &world = deployer_.world();
    auto current = world.store.current_generation(repository);
    auto kept = deploy::kept_generations(world.store, repository, world.keep_generations);
    auto all = world.store.generations(repository, -1);
    std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.number > b.number; });
    json list = json::array();
    for (const auto &generation : all) {
        json instances = json::array();
        for (const auto &[name, spec] : deploy::instances_of(generation)) instances.push_back(name);
        auto origin = world.store.revision(generation.revision);
        bool is_kept = std::any_of(kept.begin(), kept.end(), [&](const auto &one) { return one.hash == generation.hash; });
        list.push_back({{"generation", generation.number},
                        {"hash", generation.hash},
                        {"current", current && *current == generation.hash},
                        {"ready", generation.ready},
                        {"kept", is_kept},
                        {"commit", origin ? origin->commit : ""},
                        {"created_ms", generation.created_ms},
                        {"instances", instances}});
    }
    co_return json{{"repository", repository}, {"kept", world.keep_generations}, {"generations", list}};
}

Task<json> Api::rollback(Request &request) {
    std::string text = request.args.at("target").get<std::string>();
    std::string generation = request.args.value("generation", "");
    Target target = co_await resolve_rollback_target(request, text);
    std::string who = request.kind == PeerKind::operator_ ? "operator" : request.person.key;
    auto outcome = std::make_shared<Outcome>(deployer_.world().executor);
    deploy::Listener listener;
    listener.line = [item = request.item, call = request.call](std::string_view line) {
        if (!call.cancelled()) item(json{{"line", std::string(line)}});
    };
    listener.finished = [outcome](const state::Revision &revision) {
        outcome->revision = revision;
        outcome->settled.set();
    };
    deployer_.roll_back(target.repository, target.instance, generation, who, std::move(listener));
    auto interest = request.call.on_cancel([outcome] { outcome->settled.set(); });
    bool settled = co_await outcome->settled.wait_until(request.call.deadline());
    request.call.check();
    if (!settled) throw Failure(Code::timeout, "the rollback goes on; see: deployments " + target.repository);
    const auto &revision = outcome->revision;
    if (revision.state != "deployed")
        throw Failure(revision.state == "superseded" ? Code::conflict : Code::unavailable, "the rollback " + revision.state + ": " + revision.message);
    json answer = deployment_json(revision);
    answer["instance"] = target.instance;
    co_return answer;
}

}  // namespace seed::front
