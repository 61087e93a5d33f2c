// One piece of work in flight: an id for the logs, a deadline, a way to stop it, somewhere to tell progress.  Passed down to
// everything that waits; nothing waits without one.  Copying shares the same cancellation.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace seed {

class Call {
public:
    using Clock = seed::Clock;

    Call(std::string id, Clock::duration patience);
    // A part of this call with a deadline of its own (never later than ours) and our cancellation.
    Call within(Clock::duration patience) const;

    // The same, but cancelling the child leaves us alone; our cancellation reaches it.
    Call child(Clock::duration patience) const;

    const std::string &id() const;
    Clock::time_point deadline() const { return deadline_; }
    Clock::duration remaining() const;
    bool cancelled() const;
    void cancel(std::string reason) const;  // runs the hooks once
    void check() const;                     // throws Failure(cancelled or timeout)
    // Called at cancellation, on the thread that cancels; at once when cancelled already.  The returned token ends the interest.
    [[nodiscard]] std::shared_ptr<void> on_cancel(std::function<void()> hook) const;

    void set_progress(std::function<void(std::string_view line)> sink);  // shared by parts made afterwards
    void progress(std::string_view line) const;  // a finished line for the person who waits; may be ignored

private:
    struct State;
    std::shared_ptr<State> state_;
    Clock::time_point deadline_;
};

}  // namespace seed
