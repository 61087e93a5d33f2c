// The one guard around every command: runs it and turns whatever happens into an exit status and at most one line on stderr.
#pragma once
#include "core/shell/command.h"

namespace seed {
class Failure;
}

namespace seed::shell {

// `words`: the command's name and its arguments.  Never throws.
int run_command(Context &context, const std::vector<std::string> &words);
// What main() says about a failure outside of a command: as run_command() does, and its exit status.
int tell_failure(int fd, const std::vector<std::string> &words, std::string_view program, const std::exception &error);
int exit_status_of(const Failure &failure);

}  // namespace seed::shell
