#include "core/deploy/flake_worker.h"

#include <algorithm>

#include <seed/git.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/deploy/claims.h"
#include "core/model/domain_rules.h"

namespace seed::deploy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto whole_job = minutes(30);
constexpr auto pause_without_database = seconds(5);

std::string build_key(const std::string &ns, const std::string &out_path) { return ns + " " + out_path; }
std::string short_commit(const std::string &commit) { return commit.substr(0, 10); }
std::string what_took_its_place(const state::Revision &newer) {
    return newer.kind == "rollback" ? "a rollback took its place" : "a newer push of " + short_commit(newer.commit) + " took its place";
}

}  // namespace

FlakeWorker::FlakeWorker(World &world, state::Flake flake, std::function<void()> on_idle)
    : world_(world), flake_(std::move(flake)), on_idle_(std::move(on_idle)), converger_(world, flake_.repository, flake_.ns), wake_(world.executor) {
    // The worker's coroutine starts with the first piece of work, when a shared_ptr to us exists.
}

void FlakeWorker::submit(state::Revision revision, Listener listener) {
    if (waiting_) {
        finish(*waiting_, "superseded", "", what_took_its_place(revision));
        waiting_.reset();
    }
    if (running_) interrupt(revision);
    waiting_ = Job{std::move(revision), std::move(listener)};
    if (running_ && waiting_->listener.line) waiting_->listener.line("waiting for the revision before it (" + phase_ + ")");
    wake_.set();
    if (!running_) spawn_task(world_.executor, "flake " + flake_.repository, run());
}

void FlakeWorker::heal(std::string why) {
    if (stopped_) return;
    if (!heal_wanted_ && !why.empty()) log_info("deploy", flake_.repository + ": checking, because " + why);
    heal_wanted_ = true;
    wake_.set();
    if (!running_) spawn_task(world_.executor, "flake " + flake_.repository, run());
}

void FlakeWorker::collect_soon() {
    if (stopped_) return;
    collect_wanted_ = true;
    wake_.set();
    if (!running_) spawn_task(world_.executor, "flake " + flake_.repository, run());
}

void FlakeWorker::stop() {
    stopped_ = true;
    if (call_) call_->cancel("the platform stops");
    wake_.set();
}

// Healing ends for anything newer.  A deployment is ended by a rollback in any stage, by a newer push while it only waits for its
// machines: what it has built is not lost, and what it started is what the newer one compares with.
void FlakeWorker::interrupt(const state::Revision &newer) {
    if (phase_ == "checking") return converger_.interrupt("newer work waits");
    bool starting = phase_ == "starting" || phase_ == "returning";
    if (!starting && newer.kind != "rollback") return;
    if (!call_ || phase_ == "collecting") return;
    overtaken_ = what_took_its_place(newer);
    if (starting) converger_.interrupt(overtaken_);
    else call_->cancel(overtaken_);
}

Instances FlakeWorker::current() const {
    auto hash = world_.store.current_generation(flake_.repository);
    auto generation = hash ? world_.store.generation(flake_.repository, *hash) : std::nullopt;
    return generation ? instances_of(*generation) : Instances();
}

// Ends when there is nothing to do; started again by the next submit() or heal().
Task<void> FlakeWorker::run() {
    if (running_) co_return;
    auto self = shared_from_this();
    running_ = true;
    while (!stopped_ && (waiting_ || heal_wanted_ || collect_wanted_ || !unrecorded_.empty())) {
        wake_.clear();
        bool stumbled = false;
        try {
            co_await work_once();
        } catch (const std::exception &error) {   // a full disk under the database, mostly: the queue must not end with it
            log_error("deploy", flake_.repository + ": " + error.what());
            heal_wanted_ = stumbled = true;
        }
        if (stumbled && !stopped_) co_await sleep_for(pause_without_database);
    }
    running_ = false;
    phase_.clear();
    on_idle_();
}

Task<void> FlakeWorker::work_once() {
    record_again();
    if (waiting_) {
        Job job = std::move(*waiting_);
        waiting_.reset();
        co_await deploy(std::move(job));
    } else if (collect_wanted_) {
        collect_wanted_ = false;
        co_await collect();
    } else if (heal_wanted_ && Call::Clock::now() < heal_not_before_) {
        co_await wake_.wait_until(heal_not_before_);
    } else if (heal_wanted_) {
        heal_wanted_ = false;
        co_await heal_once();
    }
}

Task<void> FlakeWorker::heal_once() {
    phase_ = "checking";
    converger_.doubt_publication();   // it cannot be asked for
    std::string why;
    bool cancelled = false;
    try {
        auto hash = world_.store.current_generation(flake_.repository);
        auto generation = hash ? world_.store.generation(flake_.repository, *hash) : std::nullopt;
        Instances instances = generation ? instances_of(*generation) : Instances();
        Call call("heal-" + flake_.repository, minutes(5));
        call_ = call;
        size_t actions = co_await converger_.converge(call, instances);
        if (actions) log_info("deploy", flake_.repository + ": healed with " + std::to_string(actions) + " actions");
        if (generation && !generation->ready) world_.store.set_generation_ready(flake_.repository, *hash);   // it can be returned to now
    } catch (const Failure &failure) {
        why = failure.what();
        cancelled = failure.code() == Code::cancelled;
    } catch (const std::exception &error) {
        why = error.what();
    }
    call_.reset();
    trouble_ = why;
    if (why.empty() || cancelled) {
        heal_failures_ = 0;
        // A collection that was cut short, by a crash of ours too; also what a failed push left.
        if (!cancelled && !waiting_ && world_.builder.needs_collecting(flake_.ns)) co_await collect();
        co_return;
    }
    // 1, 2, 4 ... 60 seconds: a crash loop costs little, and a new push is taken at once.
    auto pause = seconds(std::min(60, 1 << std::min(heal_failures_++, 6)));
    heal_not_before_ = Call::Clock::now() + pause;
    heal_wanted_ = true;
    log_warning("deploy", flake_.repository + ": " + why + "; next try in " + std::to_string(pause.count()) + " s");
}

Task<void> FlakeWorker::deploy(Job job) {
    heal_failures_ = 0;
    heal_not_before_ = {};
    overtaken_.clear();
    not_ready_.clear();
    std::string id = job.listener.call.empty() ? job.revision.kind + "-" + flake_.repository + "-" + short_commit(job.revision.commit) : job.listener.call;
    job.listener.call = id;
    Call call(id, whole_job);
    if (job.listener.line) call.set_progress(job.listener.line);
    call_ = call;
    json timings = json::object();
    job.revision.state = "running";
    std::string state = "deployed", why;
    try {
        world_.store.update_revision(job.revision);
        co_await carry_out(call, job.revision, timings);
    } catch (const std::exception &error) {
        state = overtaken_.empty() ? "failed" : "superseded";
        why = overtaken_.empty() ? error.what() : overtaken_;
    }
    call_.reset();
    job.revision.timings = timings.dump();
    if (stopped_ && state == "failed") {   // taken up again at the next start
        job.revision.state = "waiting";
        world_.store.update_revision(job.revision);
        co_return;
    }
    std::string stage = state == "failed" ? phase_ : "";
    trouble_ = stage == "starting" ? why : "";
    if (stage == "starting") {
        try {
            co_await return_to_previous(job, why);
        } catch (const std::exception &error) {
            heal_wanted_ = true;
            why += std::string("\nthe generation before it cannot be returned to, the platform keeps trying this one: ") + error.what();
        }
    }
    finish(job, state, stage, why);
    phase_.clear();
    if (state == "deployed" && !waiting_) co_await collect();
}

void FlakeWorker::finish(Job &job, std::string state, std::string stage, std::string message) {
    job.revision.state = std::move(state);
    job.revision.stage = std::move(stage);
    job.revision.message = std::move(message);
    job.revision.finished_ms = unix_ms();
    struct Tell {   // also when the record cannot be written: the pusher must not wait for ever
        Job &job;
        ~Tell() {
            try {
                if (job.listener.finished) job.listener.finished(job.revision);
            } catch (const std::exception &error) {
                log_error("deploy", std::string("telling the pusher: ") + error.what());
            }
        }
    } tell{job};
    try {
        world_.store.update_revision(job.revision);
    } catch (const std::exception &error) {
        log_error("deploy", flake_.repository + ": its end is recorded later: " + error.what(), job.listener.call);
        unrecorded_.push_back(job.revision);
    }
    log_info("deploy", flake_.repository + " " + short_commit(job.revision.commit) + ": " + job.revision.state +
                           (job.revision.message.empty() ? "" : ": " + job.revision.message), job.listener.call);
    std::string why = job.revision.stage.empty() ? job.revision.message : job.revision.stage + ": " + job.revision.message;
    std::string type = job.revision.state;
    if (type == "deployed" && job.revision.kind == "rollback") type = "rolled_back";
    if (type == "deployed" && job.revision.kind == "return") type = "returned";
    world_.tell(events::Entry(type, flake_.repository).at(job.revision.commit).by(job.listener.call).because(why)
                    .took(job.revision.finished_ms - job.revision.created_ms));
}

void FlakeWorker::record_again() {
    while (!unrecorded_.empty()) {
        world_.store.update_revision(unrecorded_.front());
        unrecorded_.erase(unrecorded_.begin());
    }
}

// It may be returned to from now on.  That this cannot be recorded says nothing about the generation: the next check records it.
void FlakeWorker::came_up(const std::string &generation) {
    try {
        world_.store.set_generation_ready(flake_.repository, generation);
    } catch (const std::exception &error) {
        log_error("deploy", flake_.repository + ": that it is ready is recorded later: " + error.what());
        heal_wanted_ = true;
    }
}

// A helper that was killed says nothing about the flake: what only reads and builds is tried again.
Task<void> FlakeWorker::deploy_with_patience(const Call &call, state::Revision &revision, json &timings) {
    constexpr int most_tries = 4;
    for (int tries = 1;; ++tries) {
        std::string why;
        try {
            co_await deploy_stages(call, revision, timings);
            co_return;
        } catch (const Failure &failure) {
            bool accident = failure.code() == Code::unavailable && (phase_ == "evaluating" || phase_ == "building");
            if (!accident || tries == most_tries || call.cancelled()) throw;
            why = failure.what();
        }
        call.progress(why + "; trying again");
        log_warning("deploy", flake_.repository + ": " + why + "; trying again", call.id());
        co_await sleep_for(std::chrono::milliseconds(300 * tries));
    }
}

Task<void> FlakeWorker::deploy_stages(const Call &call, state::Revision &revision, json &timings) {
    auto began = Call::Clock::now();
    auto lap = [&](const char *name) {
        auto now = Call::Clock::now();
        int64_t took = std::chrono::duration_cast<std::chrono::milliseconds>(now - began).count();
        timings[name] = took;
        began = now;
        return took;
    };
    auto tell = [&](const char *type, int64_t took) {
        world_.tell(events::Entry(type, flake_.repository).at(revision.commit).by(call.id()).took(took));
    };
    phase_ = "evaluating";
    if (std::string why = world_.shortage ? world_.shortage() : ""; !why.empty())
        throw Failure(Code::limit, why + ": nothing new is deployed until there is space again, what runs goes on; push again later");
    tell("evaluating", -1);
    git::ResolveRequest at;
    at.repository = revision.repository;
    at.ref = revision.commit;
    git::ResolveReply found = co_await world_.git->ask<git::ResolveReply>(call, "resolve", at);
    revision.tree = found.tree;
    Evaluated evaluated = co_await evaluate(call, revision);
    Instances &instances = evaluated.instances;
    check_claims(world_, flake_, instances);
    co_await refuse_impossible(call, instances);
    tell("evaluated", lap("evaluate"));
    std::string names;
    for (const auto &[name, spec] : instances) names += (names.empty() ? "" : ", ") + name;
    call.progress("evaluated: " + names);
    for (const auto &remark : evaluated.remarks) call.progress("note: " + remark);
    // What cannot be is refused before anything is built.
    std::vector<model::ObservedVolume> there = co_await volumes(call);
    model::Use use = model::use_of(flake_.ns, instances, there);
    model::check_quota(quota(), use, flake_.repository);

    phase_ = "building";
    co_await build(call, revision, instances);
    tell("built", lap("build"));

    state::Generation generation = make_generation(revision.repository, instances, revision.id);
    check_claims(world_, flake_, instances);   // another flake may have taken something while this one was built
    want(revision, generation);
    phase_ = "starting";
    size_t actions = co_await start_with_patience(call, instances);
    came_up(generation.hash);
    tell("started", lap("start"));
    if (actions == 0) call.progress("nothing to restart: the instances are as they were");
}

// What can never be carried out (a volume that would shrink) is refused while the present generation is still the wanted one: taken over,
// it would keep every instance of the flake from being healed.  A provider that does not answer now decides nothing.
Task<void> FlakeWorker::refuse_impossible(const Call &call, const std::map<std::string, model::InstanceSpec> &instances) {
    try {
        co_await converger_.plan(call, instances, /*new_wishes=*/true);
    } catch (const Failure &failure) {
        if (failure.code() == Code::invalid) throw;
    }
}

// The tree is fetched by the git provider straight into the box that unpacks it.
Task<build::Source> FlakeWorker::unpack(const Call &call, const state::Revision &revision, std::string quarantine) {
    auto produce = [this, &call, &revision, &quarantine](int write_fd) -> Task<void> {
        git::FetchRequest request;
        request.repository = revision.repository;
        request.commit = revision.commit;
        request.limit_bytes = world_.source_bytes;
        request.quarantine = quarantine;
        providers::CallOptions options;
        options.descriptors.push_back(write_fd);
        Call part = call.within(minutes(2));   // a provider that hangs must not hold a place of the builder for the whole job
        git::FetchReply reply = co_await world_.git->ask<git::FetchReply>(part, "fetch", request, options);
        for (const auto &remark : reply.remarks) call.progress(printable(remark));
    };
    build::Source source = co_await world_.builder.unpack(call, flake_.ns, revision.tree, produce);
    co_return source;
}

Task<FlakeWorker::Evaluated> FlakeWorker::evaluate(const Call &call, const state::Revision &revision, std::string quarantine) {
    std::string key = flake_.ns + " " + revision.tree;
    json evaluated;
    if (auto known = world_.store.cached("evaluation", key)) {
        evaluated = parse_json(*known, "cached evaluation");
        if (!evaluated.contains("seeds") || evaluated["seeds"].contains("outPath")) evaluated = json();   // of a Seed that saw the instances only
    }
    if (evaluated.is_null()) {
        for (int tries = 1; evaluated.is_null(); ++tries) {
            build::Source source = co_await unpack(call, revision, quarantine);
            call.progress("evaluating " + short_commit(revision.commit));
            try {
                evaluated = co_await world_.builder.evaluate(call, source);
            } catch (const Failure &failure) {   // a collection took the source away between the two steps
                if (failure.code() != Code::not_found || tries > 2) throw;
            }
        }
        model::parse_flake(evaluated);   // what is not valid is not kept
        world_.store.cache("evaluation", key, evaluated.dump());
    }
    Evaluated result;
    result.instances = model::parse_flake(evaluated);
    result.remarks = model::domain_remarks(evaluated, result.instances, world_.domain);
    const auto &instances = result.instances;
    if (instances.size() > world_.instances_per_flake)
        throw Failure(Code::limit, "the flake exports " + std::to_string(instances.size()) + " instances; this platform allows " +
                                       std::to_string(world_.instances_per_flake) + ": export fewer seeds");
    co_return result;
}

// What was built and imaged before, in this namespace, is not built again; a result that vanished is.
Task<void> FlakeWorker::build(const Call &call, const state::Revision &revision, Instances &instances) {
    std::map<std::string, std::string> all;   // also what is there already: its root must not hang on an older tree
    std::string roots = "t" + revision.tree;  // names the GC roots: same tree, same outputs
    size_t missing = 0;
    for (auto &[name, spec] : instances) {
        auto image = world_.store.cached("image", build_key(flake_.ns, spec.out_path));
        if (image && world_.builder.has_image(*image)) spec.image = *image;
        else ++missing;
        all[name] = spec.drv_path;
    }
    if (missing == 0) co_return;
    build::Source source = co_await unpack(call, revision);
    call.progress("building " + std::to_string(missing) + (missing == 1 ? " instance" : " instances"));
    co_await world_.builder.build(call, source, all, roots);
    for (auto &[name, spec] : instances) {
        if (!spec.image.empty()) continue;
        build::Image image = co_await world_.builder.image(call, flake_.ns, spec.out_path);
        spec.image = image.key;
        world_.store.cache("image", build_key(flake_.ns, spec.out_path), image.key);
    }
}

// Afterwards, when nobody waits: old GC roots, sources, images.  A failure here is told to the operator only.
Task<void> FlakeWorker::collect() {
    phase_ = "collecting";
    try {
        Call call("collect " + flake_.repository, minutes(5));
        call_ = call;
        std::vector<std::string> trees, roots;
        prune(world_.store, flake_, world_.keep_generations, world_.keep_deployments);
        for (const auto &generation : kept_generations(world_.store, flake_.repository, world_.keep_generations)) {
            auto revision = world_.store.revision(generation.revision);
            if (!revision) continue;
            trees.push_back(revision->tree);
            roots.push_back("t" + revision->tree);
        }
        auto last = world_.store.latest_revision(flake_.repository);
        if (last) trees.push_back(last->tree);
        co_await world_.builder.collect(call, flake_.ns, roots, trees);
    } catch (const std::exception &error) {
        log_warning("deploy", flake_.repository + ": collecting garbage failed, ignoring: " + std::string(error.what()));
    }
    call_.reset();
    phase_.clear();
}

}  // namespace seed::deploy
