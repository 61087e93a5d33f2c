// The way out of one step's box: a seed-fetch-proxy of its own, in a cage, which knows where this step may connect to.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.h"
#include "core/build/nix_builder.h"

namespace seed::build {

struct DoorRules {
    bool any_host = false;           // any on port 443 whose address is public
    std::vector<std::string> hosts;  // "HOST:PORT"
    uint64_t bytes = 1ull << 30;     // that may come in
    std::chrono::seconds idle{30};
};

class Door {
public:
    // Starts the proxy; it lives until close(), at the latest until the call's end or ours.
    Door(asio::any_io_executor executor, const BuilderSettings &settings, const Call &call, const DoorRules &rules);
    ~Door();
    Door(const Door &) = delete;

    int box_end() const { return box_end_.get(); }  // BoxStep::door
    // Ends the proxy and waits for its last words.
    Task<void> close();
    // The last thing it refused or closed: "HOST:PORT: why"; empty: nothing.  Complete after close().
    const std::string &trouble() const;

private:
    struct State;
    static Task<void> run(std::shared_ptr<State> state, SpawnOptions options);

    UniqueFd box_end_;
    std::shared_ptr<State> state_;
};

}  // namespace seed::build
