#include "core/build/turns.h"

#include <algorithm>

#include <seed/util/failure.h>

namespace seed::build {

struct Turns::State {
    struct Waiter {
        std::string ns;
        bool granted = false;
        Event changed;
        Waiter(asio::any_io_executor executor, std::string wanted) : ns(std::move(wanted)), changed(std::move(executor)) {}
    };
    asio::any_io_executor executor;
    unsigned free;
    std::set<std::string> busy;
    std::list<std::shared_ptr<Waiter>> waiting;

    void grant() {
        std::set<std::string> passed;  // a namespace's first waiter only
        for (auto at = waiting.begin(); at != waiting.end() && free;) {
            auto waiter = *at;
            if (busy.contains(waiter->ns) || !passed.insert(waiter->ns).second) {
                ++at;
                continue;
            }
            at = waiting.erase(at);
            --free;
            busy.insert(waiter->ns);
            waiter->granted = true;
            waiter->changed.set();
        }
    }
    void release(const std::string &ns) {
        busy.erase(ns);
        ++free;
        grant();
    }
};

Turns::Turns(asio::any_io_executor executor, unsigned parallel)
    : state_(std::make_shared<State>(State{std::move(executor), std::max(1u, parallel), {}, {}})) {}

Task<std::shared_ptr<void>> Turns::take(Call call, std::string ns) {
    auto state = state_;
    call.check();
    auto waiter = std::make_shared<State::Waiter>(state->executor, ns);
    state->waiting.push_back(waiter);
    state->grant();
    if (!waiter->granted) {
        auto interest = call.on_cancel([waiter] { waiter->changed.set(); });
        co_await waiter->changed.wait_until(call.deadline());
    }
    if (!waiter->granted) {
        state->waiting.remove(waiter);
        call.check();
        throw Failure(Code::timeout, "other builds took all the time: push again");
    }
    co_return std::shared_ptr<void>(nullptr, [state, ns](void *) { state->release(ns); });
}

}  // namespace seed::build
