#pragma once
#include "core/state/database.h"

namespace seed::state {

// Brings an old schema up to date, one numbered step and one commit at a time.  Failure(conflict) when it is newer than we are.
void migrate(Database &database, const std::string &path);

}  // namespace seed::state
