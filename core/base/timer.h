// One wait until a moment of the core's clock: Asio's timer, or the simulation's.
#pragma once
#include <optional>

#include "core/base/async.h"

namespace seed {

class Timer {
public:
    Timer(asio::any_io_executor executor, Clock::time_point expiry) : executor_(std::move(executor)), expiry_(expiry) {}
    Timer(const Timer &) = delete;
    ~Timer() { cancel(); }

    Task<void> wait();  // once: until the moment has come, or cancel()
    void cancel();

private:
    asio::any_io_executor executor_;
    Clock::time_point expiry_;
    std::optional<asio::steady_timer> real_;
    uint64_t simulated_ = 0;
};

}  // namespace seed
