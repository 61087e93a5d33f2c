// What every git process of ours has in common: its settings, its empty environment, its cage.
#pragma once
#include <seed/util/process.h>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace seed::silo {

inline constexpr const char *git_program = "/usr/bin/git";
using GitSettings = std::vector<std::pair<std::string, std::string>>;

// Memory stays bounded whatever is in a pack; what was said to be stored survives a crash; nothing is done behind our back.
GitSettings common_settings();
// Nothing of ours, no file of the host or of a home directory: only `settings`, by GIT_CONFIG_COUNT.
std::vector<std::string> git_environment(const GitSettings &settings);
// No network, bounded memory; the caller adds the folders.
Cage git_cage();

}  // namespace seed::silo
