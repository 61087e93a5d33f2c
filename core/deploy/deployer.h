// All flakes: a worker each, started at need; taken up again at start; healed when a boot exits and from time to time.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "core/deploy/flake_worker.h"

namespace seed::deploy {

class Deployer {
public:
    explicit Deployer(World world);

    // Somebody tells that the default branch of `repository` is at `commit` now ("": look where it is).  News of two pushes may come in the
    // other order, so the branch decides, asked in the repository's turn: what it no longer points to is superseded (the listener hears
    // it), what was taken up before and is merely looked for again is left.  Queued when this returns; when it
    // throws (a full disk under the database), nothing is lost either: the branch is looked at again from time to time until it succeeds.
    Task<void> take_push(const Call &call, std::string repository, std::string commit, std::string pusher, Listener listener);
    // The default branch of `repository` is at `commit` now: record a revision, queue it.  Pusher: canonical key, for the audit.
    state::Revision submit(const std::string &repository, const std::string &commit, const std::string &pusher, Listener listener);
    // Goes back to a generation that is kept: of the whole flake, or with `instance` of that one while the others stay.  `generation`:
    // a number or the beginning of a hash; empty: what ran before.  No evaluation, no build; queued like a push.
    state::Revision roll_back(const std::string &repository, const std::string &instance, const std::string &generation,
                              const std::string &who, Listener listener);
    // After a start: refs are the truth.  Whatever is pushed but not deployed is queued, everything else is checked.
    Task<void> take_up(const Call &call);
    void request_restart(const std::string &repository, const std::string &instance);   // also of one that rests: it runs afterwards
    void request_start(const std::string &repository, const std::string &instance);     // of one that runs: nothing
    void request_stop(const std::string &repository, const std::string &instance);      // rests until a start or restart is asked for
    void forget(const std::string &repository);   // it is removed; an idle worker of it goes
    FlakeWorker &worker(const std::string &repository);   // Failure(not_found) when there is no such flake
    World &world() { return world_; }

    // Garbage of every flake, in the turn of each, then what nobody wants; returns when all is done or at the call's deadline.
    // The repositories that were too busy until then.
    Task<std::vector<std::string>> collect_garbage(const Call &call);

    // Runs until stop(): follows the runtime's changes, heals every minute, clears away what nobody wants.
    Task<void> watch();
    Task<void> heal_from_time_to_time();
    void stop();
    // Ends every instance (the embedded platform's --stop-instances).
    Task<void> end_all_instances(const Call &call);

private:
    FlakeWorker &worker_with(const std::string &repository, const std::string &instance);
    Task<void> clear_away(const Call &call);
    void on_boot(const runtime::Boot &boot);
    void take_what_was_missed();
    Task<void> take_again(std::string repository, std::string pusher);
    Task<void> take_in_turn(const Call &call, std::string repository, std::string commit, std::string pusher, Listener listener);

    World world_;
    std::map<std::string, std::shared_ptr<FlakeWorker>> workers_;
    std::map<std::string, std::shared_ptr<Event>> taking_;   // repositories of which a push is being taken up: set when it is
    std::map<std::string, std::string> missed_;        // pushers by repository: where taking up a push has failed
    std::map<std::string, std::string> last_states_;   // by boot handle
    Event tidy_wanted_;   // a flake has come to rest: images and boots nobody wants may lie around
    bool stopped_ = false;
};

}  // namespace seed::deploy
