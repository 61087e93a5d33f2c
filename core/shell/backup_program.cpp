#include "core/shell/backup_program.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>

namespace seed::shell {
namespace fs = std::filesystem;

std::string state_directory(const std::string &given) {
    if (!given.empty()) return fs::absolute(given).lexically_normal().string();
    if (const char *socket = std::getenv("SEED_SOCKET"); socket && *socket) return fs::absolute(socket).parent_path().lexically_normal().string();
    return "/var/lib/seed";
}

int run_backup_program(std::vector<std::string> arguments) {
    SpawnOptions options;
    options.arguments = std::move(arguments);
    options.arguments.insert(options.arguments.begin(), (program_directory() / "seed-backup").string());
    options.environment = {"PATH=/usr/bin", "LANG=C.UTF-8"};
    options.directory = fs::current_path();  // FILE may be relative
    options.descriptors = {{STDIN_FILENO, 0}, {STDOUT_FILENO, 1}, {STDERR_FILENO, 2}};
    return Process::spawn(options).wait().code;
}

}  // namespace seed::shell
