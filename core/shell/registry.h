// Which commands there are.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/shell/command.h"

namespace seed::shell {

const std::vector<const Command *> &session_commands();   // for people who come by SSH
const std::vector<const Command *> &operator_commands();  // for `seed`

const Command *find_command(const std::vector<const Command *> &commands, std::string_view name);  // null: none
// The name a person probably meant; empty when nothing is near.
std::string nearest_command(const std::vector<const Command *> &commands, std::string_view typed);

}  // namespace seed::shell
