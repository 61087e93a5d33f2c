// One epoll loop.  A watch is known by a number that is never used again, so that an event of a descriptor closed a moment ago
// reaches nobody.
#pragma once
#include <cstdint>
#include <functional>
#include <unordered_map>

#include <seed/util/fd.h>

namespace seed::net {

class EventLoop {
public:
    using Handler = std::function<void(uint32_t events)>;
    EventLoop();
    uint64_t watch(int descriptor, uint32_t events, Handler handler);  // the descriptor stays the caller's
    void change(uint64_t watch, uint32_t events);
    void forget(uint64_t watch);  // before its descriptor is closed
    // Until stop(); `tick` is called about every half second.
    void run(const std::function<void()> &tick);
    void stop() { stopped_ = true; }

private:
    struct Watch {
        int descriptor;
        uint32_t events;
        Handler handler;
    };
    UniqueFd epoll_;
    std::unordered_map<uint64_t, Watch> watches_;
    uint64_t next_ = 1;
    bool stopped_ = false;
};

}  // namespace seed::net
