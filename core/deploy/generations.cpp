#include "core/deploy/generations.h"

#include <algorithm>
#include <set>

#include <seed/codec.hpp>
#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/base/clock.h"

namespace seed::deploy {

Instances instances_of(const state::Generation &generation) {
    Instances instances;
    json stored = parse_json(generation.instances, "generation " + generation.hash);
    for (const auto &[name, spec] : stored.items()) instances.emplace(name, model::spec_from_json(spec));
    return instances;
}

state::Generation make_generation(const std::string &repository, const Instances &instances, int64_t revision) {
    state::Generation generation;
    generation.repository = repository;
    generation.hash = model::generation_hash(instances);
    generation.revision = revision;
    generation.created_ms = unix_ms();
    json specs = json::object();
    for (const auto &[name, spec] : instances) specs[name] = model::to_json(spec);
    generation.instances = specs.dump();
    return generation;
}

std::string name_of(const state::Generation &generation) { return "generation " + std::to_string(generation.number); }

state::Generation find_generation(const state::Store &store, const std::string &repository, const std::string &text) {
    auto all = store.generations(repository, -1);
    bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    bool hex = text.size() >= 6 && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
    if (!digits && !hex)
        throw Failure(Code::invalid, "'" + printable(text, 80) + "' is no generation: give its number or the beginning of its hash; see: generations " + repository);
    std::string kept;
    std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.number < b.number; });
    for (const auto &generation : all) {
        if (digits && std::to_string(generation.number) == text) return generation;
        if (hex && generation.hash.starts_with(text)) return generation;
        kept += (kept.empty() ? "" : ", ") + std::to_string(generation.number);
    }
    if (kept.empty()) throw Failure(Code::not_found, repository + " has no generation yet: nothing has been deployed");
    int64_t last = store.last_generation_number(repository);
    bool was = digits && text.size() < 10 && std::stoll(text) >= 1 && std::stoll(text) <= last;
    throw Failure(Code::not_found, was ? "generation " + text + " of " + repository + " has been collected; kept are " + kept +
                                             ". Push its commit again to have it back"
                                       : repository + " has no generation " + text + "; there are " + kept);
}

std::optional<state::Generation> previous_generation(const state::Store &store, const std::string &repository, const std::string &instance) {
    auto current = store.current_generation(repository);
    std::string running;   // hash of what the instance is now
    if (current && !instance.empty()) {
        auto generation = store.generation(repository, *current);
        Instances now = generation ? instances_of(*generation) : Instances();
        if (auto spec = now.find(instance); spec != now.end()) running = spec->second.desired_hash();
    }
    for (auto &generation : store.generations(repository, -1)) {
        if (!generation.ready || (current && generation.hash == *current)) continue;
        if (instance.empty()) return generation;
        Instances then = instances_of(generation);
        if (auto spec = then.find(instance); spec != then.end() && spec->second.desired_hash() != running) return generation;
    }
    return std::nullopt;
}

std::vector<state::Generation> kept_generations(const state::Store &store, const std::string &repository, size_t keep) {
    auto current = store.current_generation(repository);
    std::set<std::string> awaited;   // a rollback that waits for its turn
    for (const auto &revision : store.unfinished_revisions())
        if (revision.repository == repository) awaited.insert(revision.generation);
    std::vector<state::Generation> kept;
    size_t others = 0;
    for (auto &generation : store.generations(repository, -1)) {
        bool is_current = current && generation.hash == *current;
        if (is_current || awaited.contains(generation.hash) || (generation.ready && others + 1 < std::max<size_t>(1, keep))) {
            others += !is_current;
            kept.push_back(std::move(generation));
        }
    }
    return kept;
}

void prune(state::Store &store, const state::Flake &flake, size_t keep_generations, size_t keep_deployments) {
    std::set<std::string> hashes, trees, paths;
    for (const auto &generation : kept_generations(store, flake.repository, keep_generations)) {
        hashes.insert(generation.hash);
        if (auto revision = store.revision(generation.revision)) trees.insert(revision->tree);
        for (const auto &[name, spec] : instances_of(generation)) paths.insert(spec.out_path);
    }
    if (auto last = store.latest_revision(flake.repository)) trees.insert(last->tree);
    auto deployments = store.revisions(flake.repository, static_cast<int>(std::max<size_t>(1, keep_deployments)));
    store.transaction([&] {
        for (const auto &generation : store.generations(flake.repository, -1))
            if (!hashes.contains(generation.hash)) store.remove_generation(flake.repository, generation.hash);
        if (!deployments.empty()) store.remove_revisions_before(flake.repository, deployments.back().id);
        std::string prefix = flake.ns + " ";
        for (const auto &key : store.cached_keys("evaluation", prefix))
            if (!trees.contains(key.substr(prefix.size()))) store.forget_cached("evaluation", key);
        for (const auto &key : store.cached_keys("image", prefix))
            if (!paths.contains(key.substr(prefix.size()))) store.forget_cached("image", key);
    });
}

}  // namespace seed::deploy
