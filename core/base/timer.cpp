#include "core/base/timer.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

namespace seed {

Task<void> Timer::wait() {
    if (SimulatedTime *simulation = simulated_time()) {
        auto initiate = [this, simulation](auto handler) {
            auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
            simulated_ = simulation->start_timer(expiry_, [executor = executor_, waiting] {
                asio::post(executor, [waiting] { std::move(*waiting)(); });
            });
        };
        co_await asio::async_initiate<const asio::use_awaitable_t<> &, void()>(initiate, asio::use_awaitable);
        co_return;
    }
    real_.emplace(executor_, expiry_);
    boost::system::error_code cancelled;
    auto token = asio::redirect_error(asio::use_awaitable, cancelled);
    co_await real_->async_wait(token);
}

void Timer::cancel() {
    if (real_) real_->cancel();
    if (!simulated_) return;
    if (SimulatedTime *simulation = simulated_time()) simulation->cancel_timer(simulated_);
}

}  // namespace seed
