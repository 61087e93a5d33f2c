// The manual page of `seed`, made from the help texts of its commands.
#pragma once
#include <string>

#include "core/shell/command.h"

namespace seed::shell {

std::string man_page(const std::vector<const Command *> &commands);  // man(7)

}  // namespace seed::shell
