// Back to a generation that worked: because somebody asked, or because a push did not get ready.
//
// The whole generation returns, also when only one of several instances failed: a generation is what its author wrote and tested
// together, and the desired state of a flake is always exactly one of them.  (A single instance goes back when a person asks for it:
// that makes a new generation.)
//
// What is no reason to return: a helper that was killed, a provider that is away.  Such accidents are tried again until the deadline of a
// start has passed.  A machine that stops by itself gets three boots.  A return never leads to another one, so there is no loop: when
// the older generation does not start either, healing keeps trying it.
#include <algorithm>

#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/deploy/claims.h"
#include "core/deploy/flake_worker.h"

namespace seed::deploy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr int most_boots = 3;
constexpr size_t told_lines = 10;

}  // namespace

void FlakeWorker::want(state::Revision &revision, const state::Generation &generation) {
    auto &store = world_.store;
    store.transaction([&] {
        auto before = store.current_generation(revision.repository);
        if (before && *before != generation.hash) revision.previous = *before;
        store.put_generation(generation);
        store.set_current_generation(revision.repository, generation.hash);
        revision.generation = generation.hash;
        store.update_revision(revision);
    });
}

Task<void> FlakeWorker::carry_out(const Call &call, state::Revision &revision, json &timings) {
    if (revision.kind == "push") co_await deploy_with_patience(call, revision, timings);
    else co_await roll_back(call, revision, timings);
}

Task<void> FlakeWorker::roll_back(const Call &call, state::Revision &revision, json &timings) {
    auto began = Call::Clock::now();
    phase_ = "starting";
    auto generation = world_.store.generation(revision.repository, revision.generation);
    if (!generation) throw Failure(Code::not_found, "the generation to return to has been collected; push its commit again");
    Instances instances = instances_of(*generation);
    std::vector<model::ObservedVolume> there = co_await volumes(call);
    model::Use use = model::use_of(flake_.ns, instances, there);
    if (revision.kind == "rollback") {   // the limits may be lower than they were then
        phase_ = "checking the quota";
        model::check_quota(quota(), use, flake_.repository);
        phase_ = "checking its domains and routes";
        check_claims(world_, flake_, instances);   // others may have taken meanwhile what it had then
        phase_ = "starting";
    }
    want(revision, *generation);
    call.progress("rolling back to " + name_of(*generation));
    size_t actions = co_await start_with_patience(call, instances);
    came_up(generation->hash);
    timings["start"] = std::chrono::duration_cast<std::chrono::milliseconds>(Call::Clock::now() - began).count();
    if (actions == 0) call.progress("nothing to restart: the instances are as they were");
}

Task<size_t> FlakeWorker::start_with_patience(const Call &call, Instances instances) {
    auto deadline = Call::Clock::now() + world_.ready_deadline;
    for (int tries = 1;; ++tries) {
        std::exception_ptr failure;
        std::string why, instance, handle;
        bool again = false;
        try {
            size_t actions = co_await converger_.converge(call, instances);
            co_return actions;
        } catch (const NotReady &not_ready) {
            failure = std::current_exception();
            why = not_ready.what();
            instance = not_ready.instance;
            handle = not_ready.handle;
            again = not_ready.code() == Code::unavailable && tries < most_boots;
        } catch (const Failure &other) {
            failure = std::current_exception();
            why = other.what();
            // not_found: its image was collected just before it was wanted again; the next round prepares it.
            again = other.code() == Code::unavailable || other.code() == Code::timeout || other.code() == Code::not_found;
        }
        if (!overtaken_.empty() || stopped_ || call.cancelled()) std::rethrow_exception(failure);
        if (!handle.empty()) not_ready_ = co_await last_words(instance, handle);
        if (!again || Call::Clock::now() >= deadline) std::rethrow_exception(failure);
        call.progress(why + "; trying again");
        log_warning("deploy", flake_.repository + ": " + why + "; trying again");
        co_await sleep_for(seconds(1 << std::min(tries - 1, 3)));
        if (!overtaken_.empty() || stopped_) std::rethrow_exception(failure);
    }
}

// What the guest wrote last in that boot; empty when it wrote nothing or nobody can tell.
Task<std::string> FlakeWorker::last_words(std::string instance, std::string handle) {
    runtime::LogsRequest request;
    request.instance = flake_.ns + "/" + instance;
    request.lines = 200;   // of all its boots
    std::string boot = handle.substr(handle.rfind('/') + 1);
    std::vector<std::string> lines;
    providers::CallOptions options;
    options.stream = true;
    options.on_item = [&lines, boot](const json &item, std::vector<UniqueFd>) {
        auto line = item.get<runtime::LogLine>();
        if (line.boot == boot) lines.push_back(printable(line.text, 300));
    };
    try {
        Call call("last words of " + handle, seconds(10));
        co_await world_.runtime->call(call, "logs", request, std::move(options));
    } catch (const std::exception &error) {
        log_info("deploy", "ignoring that the log of " + handle + " cannot be read: " + std::string(error.what()));
    }
    // A kernel that gives up prints its registers; what the guest's programs said before is what its author looks for.
    auto is_kernel = [](const std::string &line) { return line.starts_with("[ ") && line.find("] ") < 20; };
    if (!std::all_of(lines.begin(), lines.end(), is_kernel)) std::erase_if(lines, is_kernel);
    std::string text;
    for (size_t i = lines.size() - std::min(lines.size(), told_lines); i < lines.size(); ++i) text += "\n  | " + lines[i];
    co_return text.empty() ? text : "\nthe last lines of " + instance + ":" + text;
}

Task<void> FlakeWorker::return_to_previous(const Job &job, std::string &why) {
    why += not_ready_;
    auto previous = previous_generation(world_.store, flake_.repository);
    bool complete = previous.has_value();
    if (previous)
        for (const auto &[name, spec] : instances_of(*previous)) complete = complete && world_.builder.has_image(spec.image);
    auto failed = world_.store.generation(flake_.repository, job.revision.generation);
    bool was_well = failed && failed->ready && job.revision.previous.empty();   // it ran before this push, which changed nothing of it
    if (job.revision.kind == "return" || was_well || !complete) {
        // Nothing to return to (or we are the return): what is wanted stays wanted.
        heal_wanted_ = true;
        why += was_well ? "\nthe push changes nothing of what runs: the platform keeps trying"
                        : "\nthere is no earlier generation that was ready: the platform keeps trying this one; push a better one";
        co_return;
    }
    auto origin = world_.store.revision(previous->revision);
    Job back;
    back.revision.repository = flake_.repository;
    back.revision.kind = "return";
    back.revision.commit = origin ? origin->commit : "";
    back.revision.tree = origin ? origin->tree : "";
    back.revision.state = "running";
    back.revision.created_ms = unix_ms();
    back.revision.timings = "{}";
    back.revision.generation = previous->hash;
    std::string cause = (job.revision.kind == "push" ? "the push of " + job.revision.commit.substr(0, 10) : "the rollback") + " did not get ready";
    world_.store.transaction([&] {
        back.revision.id = world_.store.add_revision(back.revision);
        want(back.revision, *previous);
    });
    Call call("return " + flake_.repository, minutes(5));
    if (job.listener.line) call.set_progress(job.listener.line);
    call_ = call;
    phase_ = "returning";
    call.progress("rolling back to " + name_of(*previous) + ", because " + cause);
    std::string trouble;
    try {
        Instances instances = instances_of(*previous);
        co_await converger_.converge(call, instances);
    } catch (const std::exception &error) {
        trouble = error.what();
    }
    call_.reset();
    if (trouble.empty()) {
        trouble_.clear();
        why += "\nrolled back to " + name_of(*previous) + " (commit " + back.revision.commit.substr(0, 10) + "), which runs as before";
        finish(back, "deployed", "", cause);
    } else {
        trouble_ = trouble;
        heal_wanted_ = true;
        why += "\nrolling back to " + name_of(*previous) + " has not succeeded yet and is tried again: " + trouble;
        if (!stopped_) finish(back, "failed", "starting", cause + "; " + trouble);
    }
}

}  // namespace seed::deploy
