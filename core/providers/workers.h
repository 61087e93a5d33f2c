// Threads that block in plugins: as many as there are calls in flight, kept for reuse, up to a limit.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace seed::providers {

class Workers : public std::enable_shared_from_this<Workers> {
public:
    explicit Workers(size_t limit) : limit_(limit) {}
    // False: all threads are busy and no more may be made.
    bool run(std::function<void()> task);
    // Ends idle threads and waits for the busy ones; false: some are still busy after `patience`.
    bool finish(std::chrono::milliseconds patience);

private:
    void loop();

    const size_t limit_;
    std::mutex lock_;
    std::condition_variable work_, ended_;
    std::deque<std::function<void()>> tasks_;
    size_t threads_ = 0, idle_ = 0;
    bool finishing_ = false;
};

}  // namespace seed::providers
