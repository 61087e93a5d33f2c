// Virtual time: stands still while anything can run, then jumps to the next moment at which something happens.
#pragma once
#include <functional>
#include <map>
#include <utility>

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
    uint64_t start_timer(Clock::time_point expiry, std::function<void()> done) override;
    void cancel_timer(uint64_t timer) override;

    // Something outside of the process happens after `delay`; it survives the process.
    void after(Clock::duration delay, std::function<void()> event);
    // Runs handlers and events until nothing is left to do before `end`, or `stop` says so: asked after each handler while
    // `one_at_a_time`, otherwise whenever none is left.
    void run(asio::io_context &context, Clock::time_point end, const bool &one_at_a_time, const std::function<bool()> &stop);
    void forget_timers();  // their process is gone, and with it all that waits

private:
    Chance &chance_;
    Clock::time_point now_{std::chrono::hours(1)};
    void ring_timers();  // those whose moment has come

    std::map<std::pair<Clock::time_point, uint64_t>, std::function<void()>> timers_;
    std::map<uint64_t, Clock::time_point> expiries_;
    uint64_t last_timer_ = 0;
    std::multimap<Clock::time_point, std::function<void()>> events_;
};

}  // namespace seed::simulation
