// Commands of `seed` that ask no daemon and that people over SSH do not have.
#pragma once
#include <vector>

#include "core/shell/command.h"

namespace seed::program {

const std::vector<const shell::Command *> &local_commands();

}  // namespace seed::program
