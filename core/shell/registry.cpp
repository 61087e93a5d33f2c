#include "core/shell/registry.h"

#include <algorithm>
#include <numeric>

namespace seed::shell {

extern const Command help_command, status_command, logs_command, restart_command, start_command, stop_command, volumes_command, whoami_command,
    health_command, version_command, events_command, metrics_command, plugin_command, gc_command, deployments_command, generations_command,
    rollback_command, diff_command, plan_command, invite_command, backup_command, restore_command;

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
        &plugin_command,  &gc_command,     &invite_command,  &version_command, &backup_command,  &restore_command, &help_command};
    return commands;
}

const Command *find_command(const std::vector<const Command *> &commands, std::string_view name) {
    auto found = std::find_if(commands.begin(), commands.end(), [&](auto *command) { return command->name == name; });
    return found == commands.end() ? nullptr : *found;
}

namespace {

// Levenshtein: how many characters to add, drop or change.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string_view nearest_command(const std::vector<const Command *> &commands, std::string_view typed) {
    std::string_view best;
    size_t best_distance = 3;  // three wrong letters are another word
    for (auto *command : commands) {
        if (typed.size() > 32) break;
        size_t distance = !typed.empty() && command->name.starts_with(typed) ? 0 : edit_distance(typed, command->name);
        if (distance < best_distance) {
            best_distance = distance;
            best = command->name;
        }
    }
    return best;
}

}  // namespace seed::shell
