#include "core/deploy/volumes.h"

#include <algorithm>

#include <seed/runtime.hpp>
#include <seed/storage.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/model/instance_spec.h"

namespace seed::deploy {
namespace {

// The instance as the flake wants it now, not when we began to ask: a push may come between.
std::optional<model::InstanceSpec> wanted_now(const World &world, const std::string &ns, const std::string &instance) {
    auto flake = world.store.flake_by_namespace(ns);
    auto hash = flake ? world.store.current_generation(flake->repository) : std::nullopt;
    auto generation = hash ? world.store.generation(flake->repository, *hash) : std::nullopt;
    if (!generation) return std::nullopt;
    json instances = parse_json(generation->instances, "generation " + *hash);
    auto found = instances.find(instance);
    if (found == instances.end()) return std::nullopt;
    return model::spec_from_json(*found);
}

}  // namespace

Task<void> delete_volume(World &world, const Call &call, std::string ns, std::string instance, std::string name) {
    std::string volume = ns + "/" + instance + "/" + name;
    json nothing = json::object();
    storage::ListReply volumes = co_await world.storage->ask<storage::ListReply>(call, "list", nothing);
    if (std::none_of(volumes.volumes.begin(), volumes.volumes.end(), [&](const auto &one) { return one.volume == volume; }))
        throw Failure(Code::not_found, "there is no volume " + instance + "/" + name + "; see: volumes");
    runtime::ListReply boots = co_await world.runtime->ask<runtime::ListReply>(call, "list", nothing);
    auto spec = wanted_now(world, ns, instance);
    if (spec && std::any_of(spec->volumes.begin(), spec->volumes.end(), [&](const auto &one) { return one.name == name; }))
        throw Failure(Code::conflict, "volume " + instance + "/" + name + " is attached: remove seed.storage." + name + " from instance " +
                                          instance + " and push, then delete it");
    for (const auto &boot : boots.boots) {
        // A boot made for the present generation has no such volume; one made for another may.
        bool present = spec && boot.desired.starts_with(spec->desired_hash());
        if (boot.instance == ns + "/" + instance && boot.state != "exited" && !present)
            throw Failure(Code::conflict, "volume " + instance + "/" + name + " may be held by a boot of " + instance +
                                              " that still runs: wait until it has ended, then delete the volume", 2000);
    }
    storage::RemoveRequest request;
    request.volume = request.confirm = volume;
    log_info("deploy", "deleting volume " + volume + " for ever, as was asked");
    Call part = call.within(std::chrono::seconds(60));
    co_await world.storage->call(part, "remove", request);
}

}  // namespace seed::deploy
