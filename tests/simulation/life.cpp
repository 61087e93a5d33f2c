#include "tests/simulation/life.h"

#include <seed/util/text.h>

#include "core/deploy/power.h"

namespace seed::simulation {

Life::Life(VirtualTime &time, Chance &chance, Outside &outside, const Faults &faults, state::Store &store)
    : context_(std::make_unique<asio::io_context>(1)),
      time_(time),
      outside_(outside),
      store_(store),
      providers_(context_->get_executor(), time, chance, outside, faults),
      builder_(context_->get_executor(), chance, outside, faults),
      records_(context_->get_executor(), providers_.dns, "seed.test.", "seed:test") {
    deploy::World world{.executor = context_->get_executor(),
                        .store = store,
                        .builder = builder_,
                        .records = records_,
                        .runtime = providers_.runtime,
                        .git = providers_.git,
                        .storage = providers_.storage,
                        .lookout = std::make_shared<deploy::Lookout>(context_->get_executor(), providers_.runtime, providers_.storage, records_),
                        .domain = "seed.test",
                        .prefix = "fd00:1:2::/48",
                        .node_address = "fd00:1:2::1"};
    deployer_ = std::make_unique<deploy::Deployer>(std::move(world));
    outside_.on_change = [this](const runtime::Boot &boot) { providers_.runtime_changed(boot); };
    outside_.is_wanted_as_it_is = [this](const runtime::Boot &boot) { return is_wanted_as_it_is(boot); };
    spawn_task(context_->get_executor(), "start", start());
}

Life::~Life() {
    outside_.on_change = nullptr;
    outside_.is_wanted_as_it_is = nullptr;
    time_.forget_timers();
    context_.reset();  // before the rest: the coroutines refer to it
}

// As core/programs/seedd/platform.cpp does it.
Task<void> Life::start() {
    auto executor = context_->get_executor();
    spawn_task(executor, "watch", deployer_->watch());
    spawn_task(executor, "heal", deployer_->heal_from_time_to_time());
    try {
        Call call("start", std::chrono::minutes(5));
        json nothing = json::object();
        co_await providers_.runtime->call(call, "recover", nothing, {});
        co_await deployer_->take_up(call);
        taken_up_ = true;
    } catch (const std::exception &) {
        ended_ = true;
    }
}

bool Life::is_wanted_as_it_is(const runtime::Boot &boot) {
    auto slash = boot.instance.find('/');
    std::string ns = boot.instance.substr(0, slash), name = boot.instance.substr(slash + 1);
    auto flake = store_.flake_by_namespace(ns);
    if (!flake) return false;
    auto instances = deployer_->worker(flake->repository).current();
    auto spec = instances.find(name);
    return spec != instances.end() && deploy::shall_run(store_, ns, spec->second) && model::boot_label(spec->second, store_.restart_requests(ns, name)) == boot.desired;
}

}  // namespace seed::simulation
