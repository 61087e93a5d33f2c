#include "core/front/rate.h"

namespace seed::front {

std::optional<std::chrono::seconds> Rate::refuse(const std::string &who, Clock::time_point now) {
    if (most_ == 0) return std::nullopt;
    forget_old(now);
    auto &times = done_[who];
    while (!times.empty() && now - times.front() >= window_) times.pop_front();
    if (times.size() < most_) {
        times.push_back(now);
        return std::nullopt;
    }
    return std::chrono::ceil<std::chrono::seconds>(window_ - (now - times.front()));
}

// Once per window is enough: at most two windows' worth of names is held.
void Rate::forget_old(Clock::time_point now) {
    if (now - tidied_ < window_) return;
    tidied_ = now;
    std::erase_if(done_, [&](const auto &entry) { return entry.second.empty() || now - entry.second.back() >= window_; });
}

}  // namespace seed::front
