// One flake's own queue: one piece of work at a time, so that flakes never wait for each other and never race with themselves.
//
// A waiting revision is superseded by newer work, a push or a rollback.  A rollback and a push also end the waiting of what runs for
// boots to get ready: nobody waits for a machine that shall not be.  Healing (observe, plan, carry out what the current generation wants) runs in the
// same queue, with backoff after failures.  All on the core's thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/deploy/converge.h"
#include "core/deploy/generations.h"
#include "core/deploy/world.h"
#include "core/model/difference.h"

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

    // The revision is stored already, state "waiting"; that of a rollback has its generation.
    void submit(state::Revision revision, Listener listener);
    void heal(std::string why);                                 // at once; many requests are one
    void collect_soon();                                        // garbage, in its turn
    bool collect_pending() const { return collect_wanted_ || phase_ == "collecting"; }
    void stop();                                                // cancels what runs; the worker ends

    // What deploying `commit` would change; evaluates it (results are kept), builds and starts nothing.  Beside the queue: it may run while
    // a push is deployed.  `quarantine`: of a proposed push.
    struct Planned {
        std::string commit;
        Instances instances;
        std::vector<model::InstanceDifference> differences;   // to what is wanted now
        std::vector<model::Action> actions;
        std::vector<std::string> to_build;                    // instances whose image is not there
        model::Use use;
        std::vector<std::string> remarks;                     // sentences for its author
        std::string refusal;                                  // why a push of it would be refused; empty: it would not
    };
    Task<Planned> plan(const Call &call, std::string commit, std::string quarantine);
    // The instances that a commit of the repository wants; evaluated unless it was before.
    Task<Instances> instances_at(const Call &call, std::string commit, std::string quarantine = {});
    model::Quota quota() const { return world_.quota ? world_.quota(flake_.repository) : model::Quota(); }

    bool busy() const { return running_; }
    bool waiting() const { return waiting_.has_value(); }       // a revision waits for its turn
    const std::string &phase() const { return phase_; }         // "evaluating", "building", ...; empty when idle
    const std::string &trouble() const { return trouble_; }     // why the last healing failed; empty when all is as wanted
    Converger &converger() { return converger_; }
    // What the current generation wants; empty when nothing was deployed yet.
    Instances current() const;
    const state::Flake &flake() const { return flake_; }

private:
    struct Job {
        state::Revision revision;
        Listener listener;
    };
    Task<void> run();
    Task<void> work_once();
    Task<void> deploy(Job job);
    Task<void> carry_out(const Call &call, state::Revision &revision, json &timings);
    Task<size_t> start_with_patience(const Call &call, Instances instances);
    Task<void> roll_back(const Call &call, state::Revision &revision, json &timings);
    // Afterwards `why` tells the pusher what became of it.
    Task<void> return_to_previous(const Job &job, std::string &why);
    Task<std::string> last_words(std::string instance, std::string handle);
    void interrupt(const state::Revision &newer);
    void want(state::Revision &revision, const state::Generation &generation);   // in one commit
    Task<void> deploy_with_patience(const Call &call, state::Revision &revision, json &timings);
    Task<void> deploy_stages(const Call &call, state::Revision &revision, json &timings);
    struct Evaluated {
        Instances instances;
        std::vector<std::string> remarks;   // sentences for its author
    };
    Task<Evaluated> evaluated_at(const Call &call, std::string commit, std::string quarantine);
    Task<Evaluated> evaluate(const Call &call, const state::Revision &revision, std::string quarantine = {});
    Task<build::Source> unpack(const Call &call, const state::Revision &revision, std::string quarantine = {});
    Task<std::vector<model::ObservedVolume>> volumes(const Call &call);
    Task<void> build(const Call &call, const state::Revision &revision, Instances &instances);
    Task<void> refuse_impossible(const Call &call, const Instances &instances);
    Task<void> heal_once();
    Task<void> collect();
    void finish(Job &job, std::string state, std::string stage, std::string message);
    void record_again();
    void came_up(const std::string &generation);

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
    bool planning_ = false;
    std::string overtaken_;   // what runs is a deployment that newer work has ended: by what
    std::string not_ready_;   // the last words of the machine that did not get ready
    std::vector<state::Revision> unrecorded_;   // finished while the database refused to be written
    std::optional<Call> call_;
};

}  // namespace seed::deploy
