#include "core/base/clock.h"

#include <seed/util/text.h>

namespace seed {
namespace {
SimulatedTime *simulation = nullptr;
}

void simulate_time(SimulatedTime *time) {
    simulation = time;
}
SimulatedTime *simulated_time() {
    return simulation;
}

Clock::time_point Clock::now() {
    return simulation ? simulation->now() : std::chrono::steady_clock::now();
}
int64_t unix_ms() {
    return simulation ? simulation->unix_ms() : unix_ms_now();
}
std::string unique_hex(size_t bytes) {
    return simulation ? simulation->unique_hex(bytes) : random_hex(bytes);
}

}  // namespace seed
