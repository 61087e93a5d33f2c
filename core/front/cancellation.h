// A switch that ends what one channel or command is doing.  Shared between the thread that works and the one that gives up.
#pragma once
#include <functional>
#include <mutex>

namespace seed::front {

class Cancellation {
public:
    // Thread-safe; the second call does nothing.  The hook runs here, on the thread that cancels.
    void cancel() {
        std::function<void()> hook;
        {
            std::lock_guard lock(mutex_);
            if (cancelled_) return;
            cancelled_ = true;
            hook = hook_;
        }
        if (hook) hook();
    }
    bool cancelled() const {
        std::lock_guard lock(mutex_);
        return cancelled_;
    }
    // One hook at a time; an empty one takes it away.  Not called when it was cancelled before: ask cancelled() afterwards.
    void on_cancel(std::function<void()> hook) {
        std::lock_guard lock(mutex_);
        hook_ = std::move(hook);
    }

private:
    mutable std::mutex mutex_;
    bool cancelled_ = false;
    std::function<void()> hook_;
};

}  // namespace seed::front
