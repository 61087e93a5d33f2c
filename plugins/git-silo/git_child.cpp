#include "git_child.h"

namespace seed::silo {

GitSettings common_settings() {
    return {
        {"safe.directory", "*"},  // the folder is ours by construction
        // A ref that was announced must survive a crash, and with it the pack and its index.
        {"core.fsync", "committed,reference,pack-metadata"},
        {"gc.auto", "0"},  // never while somebody waits; see maintenance.h
        {"receive.autogc", "false"},
        {"maintenance.auto", "false"},
        {"pack.threads", "1"},
        {"pack.windowMemory", "64m"},
        {"pack.deltaCacheSize", "64m"},
        {"core.bigFileThreshold", "32m"},
        {"core.packedGitWindowSize", "16m"},
        {"core.packedGitLimit", "256m"},
        {"core.deltaBaseCacheLimit", "64m"},
    };
}

std::vector<std::string> git_environment(const GitSettings &settings) {
    std::vector<std::string> result = {"PATH=/usr/bin",
                                       "LANG=C.UTF-8",
                                       "HOME=/nonexistent",
                                       "GIT_CONFIG_NOSYSTEM=1",
                                       "GIT_CONFIG_SYSTEM=/dev/null",
                                       "GIT_CONFIG_GLOBAL=/dev/null",
                                       "GIT_ATTR_NOSYSTEM=1",
                                       "GIT_CONFIG_COUNT=" + std::to_string(settings.size())};
    for (size_t i = 0; i < settings.size(); ++i) {
        result.push_back("GIT_CONFIG_KEY_" + std::to_string(i) + "=" + settings[i].first);
        result.push_back("GIT_CONFIG_VALUE_" + std::to_string(i) + "=" + settings[i].second);
    }
    return result;
}

Cage git_cage() {
    Cage cage;
    cage.connect_ports.emplace();  // none
    cage.network = false;
    cage.memory_bytes = 2048ull << 20;
    return cage;
}

}  // namespace seed::silo
