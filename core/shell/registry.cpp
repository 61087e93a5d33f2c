#include "core/shell/registry.h"

#include <algorithm>

#include <seed/util/nearest.h>

namespace seed::shell {

extern const Command help_command, status_command, logs_command, restart_command, start_command, stop_command, volumes_command, whoami_command,
    health_command, version_command, events_command, metrics_command, plugin_command, gc_command, deployments_command, generations_command,
    rollback_command, diff_command, plan_command, backup_command, restore_command;

const std::vector<const Command *> &session_commands() {
    static const std::vector<const Command *> commands = {
        &status_command,   &logs_command, &restart_command, &start_command,   &stop_command,   &deployments_command, &generations_command,
        &rollback_command, &diff_command, &plan_command,    &volumes_command, &events_command, &whoami_command,      &help_command};
    return commands;
}

const std::vector<const Command *> &operator_commands() {
    static const std::vector<const Command *> commands = {
        &status_command,  &logs_command,   &restart_command, &start_command,  &stop_command,    &deployments_command, &generations_command,
        &rollback_command, &diff_command,  &plan_command,    &volumes_command, &events_command, &health_command,      &metrics_command,
        &plugin_command,  &gc_command,     &version_command, &backup_command,  &restore_command, &help_command};
    return commands;
}

const Command *find_command(const std::vector<const Command *> &commands, std::string_view name) {
    auto found = std::find_if(commands.begin(), commands.end(), [&](auto *command) { return command->name == name; });
    return found == commands.end() ? nullptr : *found;
}

std::string nearest_command(const std::vector<const Command *> &commands, std::string_view typed) {
    std::vector<std::string> names;
    for (auto *command : commands) names.emplace_back(command->name);
    return std::string(nearest(typed, names));
}

}  // namespace seed::shell
