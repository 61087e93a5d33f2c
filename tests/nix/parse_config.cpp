// What seedd makes of a configuration file: prints its providers and as whom each kind runs, or every mistake (exit status 1).
#include <iostream>

#include <nlohmann/json.hpp>

#include <seed/util/cage.h>
#include <seed/util/failure.h>

#include "core/config/config.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    try {
        auto settings = seed::config::load(argv[1]);
        nlohmann::json providers, users;
        for (const auto &[kind, choices] : settings.providers) users[kind] = seed::uids::of_provider(kind);
        for (const auto &[kind, choices] : settings.providers)
            for (const auto &choice : choices) providers[kind].push_back({{"plugin", choice.plugin}, {"config", choice.config}});
        std::cout << nlohmann::json{{"domain", settings.platform.domain}, {"silo", settings.platform.silo}, {"ssh", settings.listen.ssh},
                                    {"prefix", settings.ingress.prefix}, {"providers", providers}, {"users", users},
                                    {"build_memory", settings.limits.build_memory}, {"plugin_directories", settings.plugin_directories}}
                  << std::endl;
    } catch (const seed::Failure &failure) {
        std::cout << failure.what() << std::endl;
        return 1;
    }
}
