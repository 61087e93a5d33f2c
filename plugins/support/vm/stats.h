// What a machine uses of the host, read from /proc: cheap enough to be asked every few seconds for all of them.
#pragma once
#include "plugins/support/vm/machines.h"

namespace seed::vm {

// None when it does not run, or ends while we look.
std::optional<runtime::BootStats> stats_of(const Machine &machine);

}  // namespace seed::vm
