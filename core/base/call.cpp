#include "core/base/call.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <seed/util/failure.h>

namespace seed {

struct Call::State {
    std::string id;
    std::mutex mutex;  // guards what follows
    bool cancelled = false;
    std::string reason;
    std::map<uint64_t, std::function<void()>> hooks;
    uint64_t next = 0;
    std::function<void(std::string_view)> progress;
    // Held while hooks run, so that a token that has been destroyed means: the hook is not running and never will.  Recursive,
    // because a hook may destroy tokens itself.
    std::recursive_mutex running;
    std::shared_ptr<void> parent;  // our interest in the cancellation of the call we are a child of
};

Call::Call(std::string id, Clock::duration patience) : state_(std::make_shared<State>()), deadline_(Clock::now() + patience) {
    state_->id = std::move(id);
}

Call Call::within(Clock::duration patience) const {
    Call part = *this;
    part.deadline_ = std::min(deadline_, Clock::now() + patience);
    return part;
}

Call Call::child(Clock::duration patience) const {
    Call made(state_->id, std::min(patience, remaining()));
    {
        std::lock_guard lock(state_->mutex);
        made.state_->progress = state_->progress;
    }
    // Weak: the token lives in the child, which must not keep itself alive.
    std::weak_ptr<State> weak = made.state_;
    made.state_->parent = on_cancel([weak, deadline = made.deadline_, parent = std::weak_ptr<State>(state_)] {
        auto state = weak.lock();
        if (!state) return;
        Call child("", Clock::duration::zero());
        child.state_ = state;
        child.deadline_ = deadline;
        auto above = parent.lock();
        child.cancel(above ? above->reason : "cancelled");
    });
    return made;
}

const std::string &Call::id() const {
    return state_->id;
}

Call::Clock::duration Call::remaining() const {
    return std::max(deadline_ - Clock::now(), Clock::duration::zero());
}

bool Call::cancelled() const {
    std::lock_guard lock(state_->mutex);
    return state_->cancelled;
}

void Call::cancel(std::string reason) const {
    std::shared_ptr<State> state = state_;  // a hook may destroy the last Call
    std::lock_guard running(state->running);
    {
        std::lock_guard lock(state->mutex);
        if (state->cancelled) return;
        state->cancelled = true;
        state->reason = std::move(reason);
    }
    for (;;) {
        std::function<void()> hook;
        {
            std::lock_guard lock(state->mutex);
            if (state->hooks.empty()) return;
            hook = std::move(state->hooks.begin()->second);
            state->hooks.erase(state->hooks.begin());
        }
        hook();
    }
}

void Call::check() const {
    {
        std::lock_guard lock(state_->mutex);
        if (state_->cancelled) throw Failure(Code::cancelled, state_->reason.empty() ? "cancelled" : state_->reason);
    }
    if (Clock::now() >= deadline_) throw Failure(Code::timeout, "it took too long: the deadline has passed");
}

std::shared_ptr<void> Call::on_cancel(std::function<void()> hook) const {
    std::unique_lock lock(state_->mutex);
    if (state_->cancelled) {
        lock.unlock();
        hook();
        return {};
    }
    uint64_t number = state_->next++;
    state_->hooks.emplace(number, std::move(hook));
    return std::shared_ptr<void>(static_cast<void *>(state_.get()), [state = state_, number](void *) {
        std::function<void()> dropped;  // what it captured is destroyed outside the lock
        std::lock_guard running(state->running);
        std::lock_guard inner(state->mutex);
        auto found = state->hooks.find(number);
        if (found == state->hooks.end()) return;
        dropped = std::move(found->second);
        state->hooks.erase(found);
    });
}

void Call::set_progress(std::function<void(std::string_view)> sink) {
    std::lock_guard lock(state_->mutex);
    state_->progress = std::move(sink);
}

void Call::progress(std::string_view line) const {
    std::function<void(std::string_view)> sink;
    {
        std::lock_guard lock(state_->mutex);
        sink = state_->progress;
    }
    if (sink) sink(line);
}

}  // namespace seed
