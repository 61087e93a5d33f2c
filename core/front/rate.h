// How often somebody did something of late: a sliding window per name.
//
// Names come from strangers (a key costs nothing to make), so what is remembered is bounded: a name without anything in the window
// is forgotten.  One thread.
#pragma once
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "core/base/call.h"

namespace seed::front {

class Rate {
public:
    using Clock = Call::Clock;
    // At most `most` within `window`; 0: unlimited.
    Rate(size_t most, std::chrono::seconds window) : most_(most), window_(window) {}

    // None: it may be done, and is counted.  Otherwise: how long to wait; nothing is counted.
    std::optional<std::chrono::seconds> refuse(const std::string &who, Clock::time_point now);
    size_t names() const { return done_.size(); }

private:
    void forget_old(Clock::time_point now);
    size_t most_;
    std::chrono::seconds window_;
    std::map<std::string, std::deque<Clock::time_point>> done_;
    Clock::time_point tidied_{};
};

}  // namespace seed::front
