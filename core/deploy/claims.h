// What only one flake can have: domains, and ports of the host's addresses.
//
// A flake holds what its wanted generation names, and while that one is not ready yet also what the one before names, which may return.
// Nothing is written down beside the generations: what a flake drops is free with its next deployment.  Whoever asks first holds it;
// that a domain is really the tenant's is not looked at, which needs a resolver of the world's names.
//
// On the core's thread, without waiting: checked and taken over (FlakeWorker::want) in one step, two flakes never get the same.
#pragma once
#include "core/deploy/generations.h"
#include "core/deploy/world.h"

namespace seed::deploy {

// Failure(conflict) names the first thing that cannot be had, who holds it and the remedy.
void check_claims(const World &world, const state::Flake &flake, const Instances &instances);

}  // namespace seed::deploy
