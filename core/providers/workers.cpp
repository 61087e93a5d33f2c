#include "core/providers/workers.h"

#include <system_error>
#include <thread>

namespace seed::providers {

bool Workers::run(std::function<void()> task) {
    std::lock_guard guard(lock_);
    if (finishing_) return false;
    if (idle_ <= tasks_.size()) {
        if (threads_ >= limit_) return false;
        try {
            std::thread([self = shared_from_this()] { self->loop(); }).detach();
        } catch (const std::system_error &) {
            return false;
        }
        ++threads_;
        ++idle_;
    }
    tasks_.push_back(std::move(task));
    work_.notify_one();
    return true;
}

void Workers::loop() {
    std::unique_lock guard(lock_);
    for (;;) {
        work_.wait(guard, [&] { return !tasks_.empty() || finishing_; });
        if (tasks_.empty()) break;
        auto task = std::move(tasks_.front());
        tasks_.pop_front();
        --idle_;
        guard.unlock();
        task();
        task = nullptr;
        guard.lock();
        ++idle_;
    }
    --idle_;
    --threads_;
    // Under the lock: once we let go of it, whoever waits may end the process.
    ended_.notify_all();
}

bool Workers::finish(std::chrono::milliseconds patience) {
    std::unique_lock guard(lock_);
    finishing_ = true;
    work_.notify_all();
    return ended_.wait_for(guard, patience, [&] { return threads_ == 0; });
}

}  // namespace seed::providers
