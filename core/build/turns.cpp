#include "core/build/turns.h"

#include <algorithm>

#include <seed/util/failure.h>

namespace seed::build {

struct Turns::State {
    struct Waiter {
        std::string ns;
        Share share;
        bool granted = false;
        Event changed;
        Waiter(asio::any_io_executor executor, std::string wanted, Share of)
            : ns(std::move(wanted)), share(std::move(of)), changed(std::move(executor)) {}
    };
    struct Owner {
        unsigned running = 0;
        uint64_t served = 0;   // when its last turn began, counted in turns
    };
    asio::any_io_executor executor;
    unsigned free;
    std::function<Share(const std::string &ns)> share;
    std::set<std::string> busy;
    std::map<std::string, Owner> owners;
    std::list<std::shared_ptr<Waiter>> waiting;
    uint64_t turns = 0;

    std::list<std::shared_ptr<Waiter>>::iterator next() {
        auto best = waiting.end();
        std::set<std::string> passed;  // a namespace's first waiter only
        for (auto at = waiting.begin(); at != waiting.end(); ++at) {
            const auto &waiter = **at;
            const Owner &owner = owners[waiter.share.owner];
            if (busy.contains(waiter.ns) || !passed.insert(waiter.ns).second || owner.running >= waiter.share.at_once) continue;
            auto rank = [&](const Waiter &one) {
                const Owner &of = owners[one.share.owner];
                return std::pair(of.running, of.served);
            };
            if (best == waiting.end() || rank(waiter) < rank(**best)) best = at;
        }
        return best;
    }
    void grant() {
        while (free) {
            auto at = next();
            if (at == waiting.end()) return;
            auto waiter = *at;
            waiting.erase(at);
            --free;
            busy.insert(waiter->ns);
            Owner &owner = owners[waiter->share.owner];
            ++owner.running;
            owner.served = ++turns;
            waiter->granted = true;
            waiter->changed.set();
        }
    }
    void release(const std::string &ns, const std::string &owner) {
        busy.erase(ns);
        --owners[owner].running;
        ++free;
        grant();
    }
};

Turns::Turns(asio::any_io_executor executor, unsigned parallel, std::function<Share(const std::string &ns)> share)
    : state_(std::make_shared<State>()) {
    state_->executor = std::move(executor);
    state_->free = std::max(1u, parallel);
    state_->share = std::move(share);
}

Task<std::shared_ptr<void>> Turns::take(Call call, std::string ns) {
    auto state = state_;
    call.check();
    auto waiter = std::make_shared<State::Waiter>(state->executor, ns, state->share ? state->share(ns) : Share{ns, 1});
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
    co_return std::shared_ptr<void>(nullptr, [state, ns, owner = waiter->share.owner](void *) { state->release(ns, owner); });
}

}  // namespace seed::build
