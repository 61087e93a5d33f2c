// The program behind `backup` and `restore`, which works on the state directory itself and not through seedd.
#pragma once
#include <string>
#include <vector>

namespace seed::shell {

// The state directory that a command means: what was given, else the folder of SEED_SOCKET, else /var/lib/seed.
std::string state_directory(const std::string &given);

// Runs seed-backup with our standard input, output and error; gives its exit status.
int run_backup_program(std::vector<std::string> arguments);

}  // namespace seed::shell
