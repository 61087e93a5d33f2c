// Shall an instance run?  Its `autostart` says so until somebody asks for the other; what was asked last holds over pushes, crashes and
// restarts of the platform.  The wish lives in core/state (settings), one row for each instance that deviates from its `autostart`.
#pragma once
#include <string>

#include "core/model/instance_spec.h"
#include "core/state/store.h"

namespace seed::deploy {

bool shall_run(const state::Store &store, const std::string &ns, const model::InstanceSpec &spec);
void ask_to_run(state::Store &store, const std::string &ns, const std::string &instance);
void ask_to_rest(state::Store &store, const std::string &ns, const std::string &instance);

}  // namespace seed::deploy
