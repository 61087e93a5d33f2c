// What would change: diff between two states, plan of a commit.  Nothing is built, nothing changes.
#include <algorithm>

#include <seed/util/text.h>

#include "core/front/api.h"
#include "core/model/difference.h"

namespace seed::front {
namespace {

json differences_json(const std::vector<model::InstanceDifference> &differences) {
    json list = json::array();
    for (const auto &one : differences) {
        json aspects = json::array();
        for (const auto &aspect : one.aspects) aspects.push_back({{"what", aspect.what}, {"from", aspect.from}, {"to", aspect.to}});
        list.push_back({{"instance", one.instance},
                        {"change", model::to_string(one.change)},
                        {"restarts", one.restarts},
                        {"aspects", aspects},
                        {"text", model::describe(one)}});
    }
    return list;
}

json quota_line(const char *what, uint64_t used, uint64_t limit) { return {{"what", what}, {"used", used}, {"limit", limit}}; }

bool is_commit(std::string_view text) { return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos; }

}  // namespace

json Api::quota_json(const model::Quota &quota, const model::Use &use) {
    return {quota_line("instances", use.instances, quota.instances), quota_line("vcpus", use.vcpus, quota.vcpus),
            quota_line("memory", use.memory, quota.memory), quota_line("disk", use.disk, quota.disk)};
}

Task<std::pair<std::string, deploy::Instances>> Api::state_at(const Request &request, std::string repository, std::string text) {
    auto &worker = deployer_.worker(repository);
    const auto &store = deployer_.world().store;
    if (text.empty() || text == "running") {
        auto hash = store.current_generation(repository);
        auto generation = hash ? store.generation(repository, *hash) : std::nullopt;
        std::pair<std::string, deploy::Instances> running{generation ? deploy::name_of(*generation) + " (running)" : "nothing", worker.current()};
        co_return running;
    }
    bool hex = text.size() >= 7 && text.size() <= 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
    std::string commit = is_commit(text) ? text : "";
    if (hex)   // a commit that was pushed before, by the beginning of its id
        for (const auto &revision : store.revisions(repository, 1000))
            if (commit.empty() && revision.commit.starts_with(text)) commit = revision.commit;
    if (commit.empty()) {
        auto generation = deploy::find_generation(store, repository, text);
        std::pair<std::string, deploy::Instances> found{deploy::name_of(generation), deploy::instances_of(generation)};
        co_return found;
    }
    std::string no_quarantine;
    deploy::Instances instances = co_await worker.instances_at(request.call, commit, no_quarantine);
    std::pair<std::string, deploy::Instances> found{"commit " + commit.substr(0, 10), std::move(instances)};
    co_return found;
}

Task<json> Api::diff(Request &request) {
    std::string repository = co_await resolve_repository(request, request.args.value("repository", ""));
    std::string from = request.args.value("from", ""), to = request.args.value("to", "");
    if (from.empty()) {   // what the last change changed
        auto previous = deploy::previous_generation(deployer_.world().store, repository);
        if (!previous) throw Failure(Code::not_found, repository + " has no older generation to compare with; see: generations " + repository);
        from = std::to_string(previous->number);
    }
    auto before = co_await state_at(request, repository, from);
    auto after = co_await state_at(request, repository, to);
    auto differences = model::difference(before.second, after.second);
    co_return json{{"repository", repository},
                   {"from", before.first},
                   {"to", after.first},
                   {"same", model::is_empty(differences)},
                   {"differences", differences_json(differences)}};
}

json Api::plan_json(const std::string &repository, const deploy::FlakeWorker::Planned &planned) {
    std::vector<std::string> lines;
    std::string running = "nothing";
    const auto &store = deployer_.world().store;
    if (auto hash = store.current_generation(repository))
        if (auto generation = store.generation(repository, *hash)) running = deploy::name_of(*generation);
    lines.push_back("plan for " + planned.commit.substr(0, 10) + ", compared with " + running + ":");
    bool changes = !model::is_empty(planned.differences);
    for (const auto &one : planned.differences)
        if (one.change != model::Change::unchanged) lines.push_back("  " + model::describe(one));
    if (!changes) lines.push_back("  no instance would change");
    json actions = json::array();
    for (const auto &action : planned.actions) {
        actions.push_back({{"action", model::to_string(action.kind)}, {"instance", action.instance}, {"text", model::describe(action)}, {"why", action.reason}});
        lines.push_back("  - " + model::describe(action) + (action.reason.empty() ? "" : " (" + action.reason + ")"));
    }
    if (!planned.to_build.empty()) {
        std::string names;
        for (const auto &name : planned.to_build) names += (names.empty() ? "" : ", ") + name;
        lines.push_back("  to build first: " + names);
    }
    auto quota = deployer_.worker(repository).quota();
    lines.push_back("  it would use " + std::to_string(planned.use.instances) + " of " + std::to_string(quota.instances) + " instances, " +
                    std::to_string(planned.use.vcpus) + " of " + std::to_string(quota.vcpus) + " vCPU, " + format_size(planned.use.memory) + " of " +
                    format_size(quota.memory) + " memory, " + format_size(planned.use.disk) + " of " + format_size(quota.disk) + " disk");
    for (const auto &remark : planned.remarks) lines.push_back("  note: " + remark);
    if (!planned.refusal.empty()) lines.push_back("  REFUSED: " + planned.refusal);
    for (auto &line : lines) line = printable(line, 1000);
    return {{"repository", repository},        {"commit", planned.commit},
            {"changes", changes},              {"differences", differences_json(planned.differences)},
            {"actions", actions},              {"to_build", planned.to_build},
            {"quota", quota_json(quota, planned.use)}, {"refusal", planned.refusal},
            {"lines", lines}};
}

Task<json> Api::plan(Request &request) {
    if (request.args.value("providers", false)) {
        if (request.kind != PeerKind::operator_) throw Failure(Code::denied, "only the operator may ask what would move between providers");
        if (!provider_plan_) throw Failure(Code::unsupported, "this platform plans no providers");
        Call call = request.call.within(std::chrono::minutes(5));
        co_return co_await provider_plan_(call);
    }
    std::string repository = co_await resolve_repository(request, request.args.value("repository", ""));
    std::string commit = request.args.value("commit", "");
    if (!commit.empty() && !is_commit(commit)) {
        for (const auto &revision : deployer_.world().store.revisions(repository, 1000))
            if (commit.size() >= 7 && revision.commit.starts_with(commit)) commit = revision.commit;
        if (!is_commit(commit))
            throw Failure(Code::not_found, "no commit " + printable(commit, 80) + " was pushed to " + repository + "; give its whole id");
    }
    if (commit.empty()) {
        auto last = deployer_.world().store.latest_revision(repository);
        if (!last) throw Failure(Code::not_found, "nothing has been pushed to " + repository + " yet");
        commit = last->commit;
    }
    Call call = request.call.within(std::chrono::minutes(10));
    std::string no_quarantine;
    auto planned = co_await deployer_.worker(repository).plan(call, commit, no_quarantine);
    co_return plan_json(repository, planned);
}

}  // namespace seed::front
