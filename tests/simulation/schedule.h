// One schedule: all that happens is decided by its seed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace seed::simulation {

struct Outcome {
    std::optional<std::string> broken;  // what did not hold
    unsigned pushes = 0, lives = 0, deployed = 0, failed = 0, superseded = 0;
    std::string settled;                // "122 s": virtual time from the last accident to rest
};

Outcome run_schedule(uint64_t seed, bool trace);  // `trace`: every step is printed

}  // namespace seed::simulation
