#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "core/front/cancellation.h"
#include "core/shell/command.h"

namespace seed::shell {

bool pause(Context &context, int64_t milliseconds) {
    struct State {  // shared: the hook may still run when we have left
        std::mutex mutex;
        std::condition_variable changed;
        bool cancelled = false;
    };
    auto state = std::make_shared<State>();
    if (context.cancel) {
        context.cancel->on_cancel([state] {
            std::lock_guard lock(state->mutex);
            state->cancelled = true;
            state->changed.notify_all();
        });
        if (context.cancel->cancelled()) return false;
    }
    std::unique_lock lock(state->mutex);
    bool left = state->changed.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return state->cancelled; });
    lock.unlock();
    if (context.cancel) context.cancel->on_cancel(nullptr);
    return !left;
}

}  // namespace seed::shell
