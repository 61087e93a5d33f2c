// Virtual time: stands still while anything can run, then jumps to the next moment at which something happens.
#pragma once
#include <functional>
#include <map>
#include <set>

#include "core/base/async.h"
#include "tests/simulation/chance.h"

namespace seed::simulation {

class VirtualTime : public SimulatedTime {
public:
    explicit VirtualTime(Chance &chance) : chance_(chance) { simulate_time(this); }
    ~VirtualTime() override { simulate_time(nullptr); }

    Clock::time_point now() override { return now_; }
    int64_t unix_ms() override;
    std::string unique_hex(size_t bytes) override { return chance_.hex(bytes); }
    void timer_started(Clock::time_point expiry) override { timers_.insert(expiry); }

    // Something outside of the process happens after `delay`; it survives the process.
    void after(Clock::duration delay, std::function<void()> event);
    // Runs handlers and events until nothing is left to do before `end`, or `stop` says so (asked after each handler).
    void run(asio::io_context &context, Clock::time_point end, const std::function<bool()> &stop);
    void forget_timers() { timers_.clear(); }  // their process is gone

private:
    Chance &chance_;
    Clock::time_point now_{std::chrono::hours(1)};
    std::set<Clock::time_point> timers_;
    std::multimap<Clock::time_point, std::function<void()>> events_;
};

}  // namespace seed::simulation
