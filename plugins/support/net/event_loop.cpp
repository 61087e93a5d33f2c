#include "plugins/support/net/event_loop.h"

#include <sys/epoll.h>

#include <seed/util/failure.h>
#include <cerrno>
#include <chrono>

namespace seed::net {

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) fail_errno("epoll");
}

uint64_t EventLoop::watch(int descriptor, uint32_t events, Handler handler) {
    epoll_event event{.events = events, .data = {.u64 = next_}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event)) fail_errno("epoll");
    watches_.emplace(next_, Watch{descriptor, events, std::move(handler)});
    return next_++;
}

void EventLoop::change(uint64_t number, uint32_t events) {
    auto found = watches_.find(number);
    if (found == watches_.end() || found->second.events == events) return;
    epoll_event event{.events = events, .data = {.u64 = number}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.descriptor, &event)) fail_errno("epoll");
    found->second.events = events;
}

void EventLoop::forget(uint64_t number) {
    auto found = watches_.find(number);
    if (found == watches_.end()) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.descriptor, nullptr);
    watches_.erase(found);
}

void EventLoop::run(const std::function<void()> &tick) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds period(500);
    auto last = Clock::now();
    while (!stopped_) {
        epoll_event events[64];
        const int count = epoll_wait(epoll_.get(), events, 64, int(period.count()));
        if (count < 0 && errno != EINTR) fail_errno("epoll");
        for (int n = 0; n < count && !stopped_; ++n) {
            auto found = watches_.find(events[n].data.u64);
            if (found == watches_.end()) continue;
            const Handler handler = found->second.handler;  // a copy: it may forget itself
            handler(events[n].events);
        }
        if (Clock::now() - last >= period) {
            last = Clock::now();
            tick();
        }
    }
}

}  // namespace seed::net
