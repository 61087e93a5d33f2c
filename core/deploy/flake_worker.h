// One flake's own queue: one piece of work at a time, so that flakes never wait for each other and never race with themselves.
//
// A waiting revision is superseded by a newer one.  Healing (observe, plan, carry out what the current generation wants) runs in the
// same queue, with backoff after failures.  All on the core's thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/deploy/converge.h"
#include "core/deploy/world.h"

namespace seed::deploy {

// What the pusher is told.  `lines` come while it works; `finished` once.
struct Listener {
    std::function<void(std::string_view)> line;
    std::function<void(const state::Revision &)> finished;
    std::string call = {};   // id of the push in the logs of every process; empty: it gets one
};

class FlakeWorker : public std::enable_shared_from_this<FlakeWorker> {
public:
    // `on_idle` is called when there is nothing left to do.
    FlakeWorker(World &world, state::Flake flake, std::function<void()> on_idle);

    void submit(state::Revision revision, Listener listener);   // the revision is stored already, state "waiting"
    void heal(std::string why);                                 // at once; many requests are one
    void collect_soon();                                        // garbage, in its turn
    bool collect_pending() const { return collect_wanted_ || phase_ == "collecting"; }
    void stop();                                                // cancels what runs; the worker ends

    bool busy() const { return running_; }
    bool waiting() const { return waiting_.has_value(); }       // a revision waits for its turn
    const std::string &phase() const { return phase_; }         // "evaluating", "building", ...; empty when idle
    const std::string &trouble() const { return trouble_; }     // why the last healing failed; empty when all is as wanted
    Converger &converger() { return converger_; }
    // What the current generation wants; empty when nothing was deployed yet.
    std::map<std::string, model::InstanceSpec> current() const;
    const state::Flake &flake() const { return flake_; }

private:
    struct Job {
        state::Revision revision;
        Listener listener;
    };
    Task<void> run();
    Task<void> work_once();
    Task<void> deploy(Job job);
    Task<void> deploy_with_patience(const Call &call, state::Revision &revision, json &timings);
    Task<void> deploy_stages(const Call &call, state::Revision &revision, json &timings);
    Task<std::map<std::string, model::InstanceSpec>> evaluate(const Call &call, const state::Revision &revision);
    Task<void> refuse_impossible(const Call &call, const std::map<std::string, model::InstanceSpec> &instances);
    Task<build::Source> unpack(const Call &call, const state::Revision &revision);
    Task<void> build(const Call &call, const state::Revision &revision, std::map<std::string, model::InstanceSpec> &instances);
    Task<void> heal_once();
    Task<void> collect();
    void finish(Job &job, std::string state, std::string stage, std::string message);

    World &world_;
    state::Flake flake_;
    std::function<void()> on_idle_;
    Converger converger_;
    Event wake_;
    std::optional<Job> waiting_;
    bool running_ = false, stopped_ = false, heal_wanted_ = false, collect_wanted_ = false;
    int heal_failures_ = 0;
    Call::Clock::time_point heal_not_before_{};
    std::string phase_, trouble_;
    std::optional<Call> call_;
};

}  // namespace seed::deploy
