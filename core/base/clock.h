// Time and chance as the core's decisions see them: the machine's, unless a simulation has taken them over (tests/simulation).
//
// Rooms that decide (core/deploy, core/names, core/state) ask here and nowhere else, so that a simulated day passes in
// milliseconds and any run is repeated by its seed.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace seed {

struct Clock {  // a TrivialClock; its time points are those of std::chrono::steady_clock
    using duration = std::chrono::steady_clock::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr bool is_steady = true;
    static time_point now();
};

int64_t unix_ms();                     // milliseconds since 1970
std::string unique_hex(size_t bytes);  // for names that must not meet twice

// What a simulation answers instead of the machine.  One thread.
class SimulatedTime {
public:
    virtual ~SimulatedTime() = default;
    virtual Clock::time_point now() = 0;
    virtual int64_t unix_ms() = 0;
    virtual std::string unique_hex(size_t bytes) = 0;
    // `done` is called once: when `expiry` has come, or soon after cancel_timer().  Never from within these two.
    virtual uint64_t start_timer(Clock::time_point expiry, std::function<void()> done) = 0;
    virtual void cancel_timer(uint64_t timer) = 0;  // one that is done already: nothing happens
};
void simulate_time(SimulatedTime *time);  // borrowed; null: the machine's again
SimulatedTime *simulated_time();          // null: the machine's

}  // namespace seed
