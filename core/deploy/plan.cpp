// What a commit would change, without changing anything.
#include <algorithm>

#include <seed/git.hpp>
#include <seed/storage.hpp>

#include "core/deploy/claims.h"
#include "core/deploy/flake_worker.h"

namespace seed::deploy {

Task<std::vector<model::ObservedVolume>> FlakeWorker::volumes(const Call &call) {
    json nothing = json::object();
    storage::ListReply all = co_await world_.storage->ask<storage::ListReply>(call, "list", nothing);
    std::vector<model::ObservedVolume> ours;
    for (const auto &volume : all.volumes)
        if (volume.volume.starts_with(flake_.ns + "/")) ours.push_back({volume.volume, volume.size_bytes});
    co_return ours;
}

Task<Instances> FlakeWorker::instances_at(const Call &call, std::string commit, std::string quarantine) {
    Evaluated evaluated = co_await evaluated_at(call, commit, quarantine);
    co_return evaluated.instances;
}

Task<FlakeWorker::Evaluated> FlakeWorker::evaluated_at(const Call &call, std::string commit, std::string quarantine) {
    state::Revision revision;   // not stored: nothing is deployed
    revision.repository = flake_.repository;
    git::ResolveRequest at;
    at.repository = flake_.repository;
    at.ref = commit;
    at.quarantine = quarantine;
    git::ResolveReply found = co_await world_.git->ask<git::ResolveReply>(call, "resolve", at);
    revision.commit = found.commit;
    revision.tree = found.tree;
    Evaluated evaluated = co_await evaluate(call, revision, quarantine);
    co_return evaluated;
}

Task<FlakeWorker::Planned> FlakeWorker::plan(const Call &call, std::string commit, std::string quarantine) {
    if (planning_) throw Failure(Code::limit, "a plan of " + flake_.repository + " is being made already; wait for it");
    auto self = shared_from_this();   // the asker may forget us meanwhile
    struct Planning {
        bool &flag;
        explicit Planning(bool &one) : flag(one) { flag = true; }
        ~Planning() { flag = false; }
    } planning(planning_);
    Planned planned;
    planned.commit = commit;
    Evaluated evaluated = co_await evaluated_at(call, commit, quarantine);
    planned.instances = std::move(evaluated.instances);
    planned.remarks = std::move(evaluated.remarks);
    for (auto &[name, spec] : planned.instances) {
        auto image = world_.store.cached("image", flake_.ns + " " + spec.out_path);
        if (image && world_.builder.has_image(*image)) spec.image = *image;
        else planned.to_build.push_back(name);
    }
    planned.differences = model::difference(current(), planned.instances);
    auto there = co_await volumes(call);
    planned.use = model::use_of(flake_.ns, planned.instances, there);
    for (const auto &[instance, spec] : planned.instances)
        for (const auto &volume : spec.volumes) {
            std::string name = flake_.ns + "/" + instance + "/" + volume.name;
            std::string place = world_.volume_place ? world_.volume_place(name) : "";
            if (place.empty()) continue;
            bool exists = std::any_of(there.begin(), there.end(), [&](const auto &one) { return one.volume == name; });
            planned.remarks.push_back("volume " + instance + "/" + volume.name + (exists ? " stays with " : " will be made by ") + place);
        }
    try {
        model::check_quota(quota(), planned.use, flake_.repository);
        check_claims(world_, flake_, planned.instances);
        planned.actions = co_await converger_.plan(call, planned.instances, /*new_wishes=*/true);
    } catch (const Failure &failure) {
        if (failure.code() != Code::limit && failure.code() != Code::invalid && failure.code() != Code::conflict) throw;
        planned.refusal = failure.what();
    }
    if (planned.refusal.empty() && world_.shortage) planned.refusal = world_.shortage();
    co_return planned;
}

}  // namespace seed::deploy
