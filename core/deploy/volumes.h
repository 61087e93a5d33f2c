// Deleting volumes.  The deployer itself never does: a volume outlives its instance until a person deletes it by name.
#pragma once
#include <string>

#include "core/deploy/world.h"

namespace seed::deploy {

// Deletes a detached volume for ever; deleting nothing is Failure(not_found).  The caller has asked the person to confirm.
// Failure(conflict), and nothing happens, while the present generation of the flake has the volume, or a boot of its instance still
// runs and may hold it.  Runs on the core's thread.
Task<void> delete_volume(World &world, const Call &call, std::string ns, std::string instance, std::string name);

}  // namespace seed::deploy
