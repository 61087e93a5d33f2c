#include "tests/simulation/virtual_time.h"

namespace seed::simulation {

int64_t VirtualTime::unix_ms() {
    constexpr int64_t start = 1'790'000'000'000;
    return start + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
}

void VirtualTime::after(Clock::duration delay, std::function<void()> event) {
    events_.emplace(now_ + delay, std::move(event));
}

void VirtualTime::run(asio::io_context &context, Clock::time_point end, const std::function<bool()> &stop) {
    while (!stop()) {
        context.restart();
        if (context.poll_one() > 0) continue;
        Clock::time_point next = end;
        if (!timers_.empty()) next = std::min(next, *timers_.begin());
        if (!events_.empty()) next = std::min(next, events_.begin()->first);
        now_ = std::max(now_, next);
        timers_.erase(timers_.begin(), timers_.upper_bound(now_));
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
