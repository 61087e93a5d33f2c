#include "core/build/turns.h"

#include <algorithm>
#include <array>

#include <seed/util/failure.h>

namespace seed::build {

struct Turns::State {
    struct Waiter {
        std::string ns;
        Lane lane;
        Share share;
        bool granted = false;
        Event changed;
        Waiter(asio::any_io_executor executor, std::string wanted, Lane in, Share of)
            : ns(std::move(wanted)), lane(in), share(std::move(of)), changed(std::move(executor)) {}
    };
    struct Owner {
        unsigned running = 0;
        uint64_t served = 0;   // when its last turn began, counted in turns
    };
    struct Places {
        unsigned free = 0;
        std::map<std::string, Owner> owners;
    };
    asio::any_io_executor executor;
    std::array<Places, 2> lanes;
    std::function<Share(const std::string &ns)> share;
    std::set<std::string> busy;
    std::list<std::shared_ptr<Waiter>> waiting;
    uint64_t turns = 0;

    Places &places(Lane lane) { return lanes[static_cast<size_t>(lane)]; }
    std::list<std::shared_ptr<Waiter>>::iterator next() {
        auto best = waiting.end();
        std::set<std::string> passed;  // a namespace's first waiter only
        for (auto at = waiting.begin(); at != waiting.end(); ++at) {
            const auto &waiter = **at;
            Places &lane = places(waiter.lane);
            if (busy.contains(waiter.ns) || !passed.insert(waiter.ns).second || !lane.free ||
                lane.owners[waiter.share.owner].running >= waiter.share.at_once)
                continue;
            auto rank = [&](const Waiter &one) {
                const Owner &of = places(one.lane).owners[one.share.owner];
                return std::pair(of.running, of.served);
            };
            if (best == waiting.end() || rank(waiter) < rank(**best)) best = at;
        }
        return best;
    }
    void grant() {
        for (auto at = next(); at != waiting.end(); at = next()) {
            auto waiter = *at;
            waiting.erase(at);
            Places &lane = places(waiter->lane);
            --lane.free;
            busy.insert(waiter->ns);
            Owner &owner = lane.owners[waiter->share.owner];
            ++owner.running;
            owner.served = ++turns;
            waiter->granted = true;
            waiter->changed.set();
        }
    }
    void release(const Waiter &done) {
        busy.erase(done.ns);
        --places(done.lane).owners[done.share.owner].running;
        ++places(done.lane).free;
        grant();
    }
};

Turns::Turns(asio::any_io_executor executor, unsigned parallel, std::function<Share(const std::string &ns)> share)
    : state_(std::make_shared<State>()) {
    state_->executor = std::move(executor);
    state_->places(Lane::work).free = std::max(1u, parallel);
    state_->places(Lane::fetch).free = std::max(1u, parallel) * fetches_per_work;
    state_->share = std::move(share);
}

Task<std::shared_ptr<void>> Turns::take(Call call, std::string ns, Lane lane) {
    auto state = state_;
    call.check();
    auto waiter = std::make_shared<State::Waiter>(state->executor, ns, lane, state->share ? state->share(ns) : Share{ns, 1});
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
    co_return std::shared_ptr<void>(nullptr, [state, waiter](void *) { state->release(*waiter); });
}

}  // namespace seed::build
