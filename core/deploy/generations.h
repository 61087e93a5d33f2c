// Generations of a flake: which there are, which one a person means, which are kept.
//
// A generation is a desired state by its content: the instances as they were evaluated and built.  It has a number (1, 2, 3 ... for
// people) and a hash.  Going back to one needs its closure images and nothing else: no evaluation, no build.
// What is kept, for how long, and who removes it: docs/retention.md.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instance_spec.h"
#include "core/state/store.h"

namespace seed::deploy {

using Instances = std::map<std::string, model::InstanceSpec>;

Instances instances_of(const state::Generation &generation);
// Not stored yet: Store::put_generation() gives it its number.
state::Generation make_generation(const std::string &repository, const Instances &instances, int64_t revision);
std::string name_of(const state::Generation &generation);   // "generation 3"

// `text`: a number, or at least six digits of a hash.  Failure(not_found) says whether it never was or has been collected.
state::Generation find_generation(const state::Store &store, const std::string &repository, const std::string &text);
// What ran before the current one: of those that were ready once, the one used last.  With an instance: only those in which that
// instance is another than now.  None: there is nothing to go back to.
std::optional<state::Generation> previous_generation(const state::Store &store, const std::string &repository,
                                                     const std::string &instance = {});
// The desired one and those that can be gone back to: the `keep` used last that were ready once.
std::vector<state::Generation> kept_generations(const state::Store &store, const std::string &repository, size_t keep);

// Removes rows that nobody needs: generations that are not kept, old deployments, cached evaluations and images of neither.  Only while
// nothing is deployed in this repository.
void prune(state::Store &store, const state::Flake &flake, size_t keep_generations, size_t keep_deployments);

}  // namespace seed::deploy
