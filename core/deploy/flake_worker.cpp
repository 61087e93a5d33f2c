#include "core/deploy/flake_worker.h"

#include <algorithm>

#include <seed/git.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::deploy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto whole_job = minutes(30);

std::string build_key(const std::string &ns, const std::string &out_path) { return ns + " " + out_path; }
std::string short_commit(const std::string &commit) { return commit.substr(0, 10); }

}  // namespace

FlakeWorker::FlakeWorker(World &world, state::Flake flake, std::function<void()> on_idle)
    : world_(world), flake_(std::move(flake)), on_idle_(std::move(on_idle)), converger_(world, flake_.repository, flake_.ns), wake_(world.executor) {
    // The worker's coroutine starts with the first piece of work, when a shared_ptr to us exists.
}

void FlakeWorker::submit(state::Revision revision, Listener listener) {
    if (waiting_) {
        finish(*waiting_, "superseded", "", "a newer push of " + short_commit(revision.commit) + " took its place");
        waiting_.reset();
    }
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

std::map<std::string, model::InstanceSpec> FlakeWorker::current() const {
    std::map<std::string, model::InstanceSpec> instances;
    auto hash = world_.store.current_generation(flake_.repository);
    if (!hash) return instances;
    auto generation = world_.store.generation(flake_.repository, *hash);
    if (!generation) return instances;
    json stored = parse_json(generation->instances, "generation " + *hash);
    for (const auto &[name, spec] : stored.items()) instances.emplace(name, model::spec_from_json(spec));
    return instances;
}

// Ends when there is nothing to do; started again by the next submit() or heal().
Task<void> FlakeWorker::run() {
    if (running_) co_return;
    auto self = shared_from_this();
    running_ = true;
    while (!stopped_ && (waiting_ || heal_wanted_ || collect_wanted_)) {
        wake_.clear();
        try {
            co_await work_once();
        } catch (const std::exception &error) {   // a full disk under the database, mostly: the queue must not end with it
            log_error("deploy", flake_.repository + ": " + error.what());
            heal_wanted_ = true;
            heal_not_before_ = Call::Clock::now() + seconds(5);
        }
    }
    running_ = false;
    phase_.clear();
    on_idle_();
}

Task<void> FlakeWorker::work_once() {
    if (waiting_) {
        Job job = std::move(*waiting_);
        waiting_.reset();
        co_await deploy(std::move(job));
    } else if (collect_wanted_) {
        collect_wanted_ = false;
        co_await collect();
    } else if (Call::Clock::now() < heal_not_before_) {
        co_await wake_.wait_until(heal_not_before_);
    } else {
        heal_wanted_ = false;
        co_await heal_once();
    }
}

Task<void> FlakeWorker::heal_once() {
    phase_ = "checking";
    std::string why;
    bool cancelled = false;
    try {
        auto instances = current();
        Call call("heal-" + flake_.repository, minutes(5));
        call_ = call;
        size_t actions = co_await converger_.converge(call, instances);
        if (actions) log_info("deploy", flake_.repository + ": healed with " + std::to_string(actions) + " actions");
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
    std::string id = job.listener.call.empty() ? "push-" + flake_.repository + "-" + short_commit(job.revision.commit) : job.listener.call;
    job.listener.call = id;
    Call call(id, whole_job);
    if (job.listener.line) call.set_progress(job.listener.line);
    call_ = call;
    json timings = json::object();
    job.revision.state = "running";
    world_.store.update_revision(job.revision);
    std::string state = "deployed", why;
    try {
        co_await deploy_with_patience(call, job.revision, timings);
    } catch (const std::exception &error) {
        state = "failed";
        why = error.what();
    }
    call_.reset();
    job.revision.timings = timings.dump();
    if (stopped_ && state == "failed") {   // taken up again at the next start
        job.revision.state = "waiting";
        world_.store.update_revision(job.revision);
        co_return;
    }
    std::string stage = state == "failed" ? phase_ : "";
    if (state == "failed" && stage == "starting") heal_wanted_ = true;   // what it wants is recorded: keep trying
    trouble_ = stage == "starting" ? why : "";
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
    world_.store.update_revision(job.revision);
    log_info("deploy", flake_.repository + " " + short_commit(job.revision.commit) + ": " + job.revision.state +
                           (job.revision.message.empty() ? "" : ": " + job.revision.message), job.listener.call);
    std::string why = job.revision.stage.empty() ? job.revision.message : job.revision.stage + ": " + job.revision.message;
    world_.tell(events::Entry(job.revision.state, flake_.repository).at(job.revision.commit).by(job.listener.call).because(why)
                    .took(job.revision.finished_ms - job.revision.created_ms));
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
    tell("evaluating", -1);
    git::ResolveRequest at;
    at.repository = revision.repository;
    at.ref = revision.commit;
    git::ResolveReply found = co_await world_.git->ask<git::ResolveReply>(call, "resolve", at);
    revision.tree = found.tree;
    std::map<std::string, model::InstanceSpec> instances = co_await evaluate(call, revision);
    co_await refuse_impossible(call, instances);
    tell("evaluated", lap("evaluate"));
    std::string names;
    for (const auto &[name, spec] : instances) names += (names.empty() ? "" : ", ") + name;
    call.progress("evaluated: " + names);

    phase_ = "building";
    co_await build(call, revision, instances);
    tell("built", lap("build"));

    state::Generation generation;
    generation.repository = revision.repository;
    generation.hash = model::generation_hash(instances);
    generation.revision = revision.id;
    generation.created_ms = unix_ms();
    json specs = json::object();
    for (const auto &[name, spec] : instances) specs[name] = model::to_json(spec);
    generation.instances = specs.dump();
    world_.store.put_generation(generation);
    revision.generation = generation.hash;
    world_.store.set_current_generation(revision.repository, generation.hash);
    world_.store.update_revision(revision);

    phase_ = "starting";
    size_t actions = co_await converger_.converge(call, instances);
    tell("started", lap("start"));
    if (actions == 0) call.progress("nothing to restart: the instances are as they were");
}

// What can never be carried out (a volume that would shrink) is refused while the present generation is still the wanted one: taken over,
// it would keep every instance of the flake from being healed.  A provider that does not answer now decides nothing.
Task<void> FlakeWorker::refuse_impossible(const Call &call, const std::map<std::string, model::InstanceSpec> &instances) {
    try {
        co_await converger_.plan(call, instances);
    } catch (const Failure &failure) {
        if (failure.code() == Code::invalid) throw;
    }
}

// The tree is fetched by the git provider straight into the box that unpacks it.
Task<build::Source> FlakeWorker::unpack(const Call &call, const state::Revision &revision) {
    auto produce = [this, &call, &revision](int write_fd) -> Task<void> {
        git::FetchRequest request;
        request.repository = revision.repository;
        request.commit = revision.commit;
        request.limit_bytes = world_.source_bytes;
        providers::CallOptions options;
        options.descriptors.push_back(write_fd);
        git::FetchReply reply = co_await world_.git->ask<git::FetchReply>(call, "fetch", request, options);
        for (const auto &remark : reply.remarks) call.progress(printable(remark));
    };
    build::Source source = co_await world_.builder.unpack(call, flake_.ns, revision.tree, produce);
    co_return source;
}

Task<std::map<std::string, model::InstanceSpec>> FlakeWorker::evaluate(const Call &call, const state::Revision &revision) {
    std::string key = flake_.ns + " " + revision.tree;
    json evaluated;
    if (auto known = world_.store.cached("evaluation", key)) {
        evaluated = parse_json(*known, "cached evaluation");
    } else {
        build::Source source = co_await unpack(call, revision);
        call.progress("evaluating " + short_commit(revision.commit));
        evaluated = co_await world_.builder.evaluate(call, source);
        model::parse_flake(evaluated);   // what is not valid is not kept
        world_.store.cache("evaluation", key, evaluated.dump());
    }
    auto instances = model::parse_flake(evaluated);
    if (instances.size() > world_.instances_per_flake)
        throw Failure(Code::limit, "the flake exports " + std::to_string(instances.size()) + " instances; this platform allows " +
                                       std::to_string(world_.instances_per_flake) + ": export fewer seeds");
    co_return instances;
}

// What was built and imaged before, in this namespace, is not built again; a result that vanished is.
Task<void> FlakeWorker::build(const Call &call, const state::Revision &revision, std::map<std::string, model::InstanceSpec> &instances) {
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
        for (const auto &generation : world_.store.generations(flake_.repository, static_cast<int>(world_.keep_generations))) {
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
