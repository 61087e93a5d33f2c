// Whose step runs: one at a time per namespace, in order of asking; different namespaces side by side, up to a number in each lane.
//
// Fair between owners, not first come first served: a free place goes to the owner of whom least is running, among those to the one
// whose last turn is longest ago.  An owner with twenty repositories waits like one with a single one.
// One context only.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/async.h"

namespace seed::build {

// Whose work a namespace is, and how much of that owner's may run at once.
struct Share {
    std::string owner;
    unsigned at_once = 1;
};

// What a turn is spent on.  Who waits for somebody else's server needs little of this machine: such turns are counted by themselves,
// so that slow servers, however many, keep no build waiting.
enum class Lane { work, fetch };

class Turns {
public:
    static constexpr unsigned fetches_per_work = 4;   // places of the lane `fetch` for each of `work`

    // `parallel`: places of the lane `work`.  `share` is asked at every turn and holds in each lane; null: each namespace is an owner of its own.
    Turns(asio::any_io_executor executor, unsigned parallel, std::function<Share(const std::string &ns)> share = nullptr);
    // The turn ends when the returned token goes.  Throws Failure(timeout or cancelled) when the call ends first.
    Task<std::shared_ptr<void>> take(Call call, std::string ns, Lane lane = Lane::work);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace seed::build
