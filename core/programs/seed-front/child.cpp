#include "child.h"

#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/log.h>

namespace seed::front {

Process start(Child child) {
    SpawnOptions options;
    options.arguments = std::move(child.arguments);
    options.arguments[0] = (program_directory() / options.arguments[0]).string();
    options.environment = log_environment();
    options.environment.insert(options.environment.end(), {"PATH=/usr/bin", "LANG=C.UTF-8"});
    options.descriptors = std::move(child.descriptors);
    options.descriptors.emplace_back(STDERR_FILENO, 2);
    options.cage = std::move(child.cage);
    options.cage->read = {program_directory()};
    options.cage->network = false;   // it has its connection, or accepts from what it was given
    return Process::spawn(options);
}

}  // namespace seed::front
