#include "tests/simulation/virtual_time.h"

namespace seed::simulation {

int64_t VirtualTime::unix_ms() {
    constexpr int64_t start = 1'790'000'000'000;
    return start + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
}

void VirtualTime::after(Clock::duration delay, std::function<void()> event) {
    events_.emplace(now_ + delay, std::move(event));
}

uint64_t VirtualTime::start_timer(Clock::time_point expiry, std::function<void()> done) {
    uint64_t timer = ++last_timer_;
    timers_.emplace(std::pair(expiry, timer), std::move(done));
    expiries_.emplace(timer, expiry);
    return timer;
}

void VirtualTime::cancel_timer(uint64_t timer) {
    auto found = expiries_.find(timer);
    if (found == expiries_.end()) return;
    auto waiting = timers_.extract(std::pair(found->second, timer));
    expiries_.erase(found);
    waiting.mapped()();
}

void VirtualTime::forget_timers() {
    expiries_.clear();
    while (!timers_.empty()) timers_.extract(timers_.begin());  // one at a time: what ends may cancel others
}

void VirtualTime::ring_timers() {
    while (!timers_.empty() && timers_.begin()->first.first <= now_) {
        auto waiting = timers_.extract(timers_.begin());
        expiries_.erase(waiting.key().second);
        waiting.mapped()();
    }
}

void VirtualTime::run(asio::io_context &context, Clock::time_point end, const bool &one_at_a_time, const std::function<bool()> &stop) {
    while (!stop()) {
        context.restart();
        if ((one_at_a_time ? context.poll_one() : context.poll()) > 0) continue;
        Clock::time_point next = end;
        if (!timers_.empty()) next = std::min(next, timers_.begin()->first.first);
        if (!events_.empty()) next = std::min(next, events_.begin()->first);
        now_ = std::max(now_, next);
        ring_timers();
        if (!events_.empty() && events_.begin()->first <= now_) {
            auto event = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            event();
        } else if (now_ >= end) {
            context.restart();
            if (context.poll_one() == 0) return;
        }
    }
}

}  // namespace seed::simulation
