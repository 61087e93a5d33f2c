#include "core/deploy/deployer.h"

#include <algorithm>
#include <set>
#include <utility>

#include <seed/git.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/deploy/power.h"

namespace seed::deploy {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Deployer::Deployer(World world) : world_(std::move(world)), tidy_wanted_(world_.executor) {}

FlakeWorker &Deployer::worker(const std::string &repository) {
    if (auto known = workers_.find(repository); known != workers_.end()) return *known->second;
    auto flake = world_.store.flake(repository);
    if (!flake) throw Failure(Code::not_found, "there is no repository " + repository + "; push to it to make it");
    return *workers_.emplace(repository, std::make_shared<FlakeWorker>(world_, *flake, [this] { tidy_wanted_.set(); })).first->second;
}

void Deployer::forget(const std::string &repository) {
    auto known = workers_.find(repository);
    if (known != workers_.end() && !known->second->busy()) workers_.erase(known);
}

state::Revision Deployer::submit(const std::string &repository, const std::string &commit, const std::string &pusher, Listener listener) {
    FlakeWorker &queue = worker(repository);
    state::Revision revision;
    revision.repository = repository;
    revision.commit = commit;
    revision.pushed_by = pusher;
    revision.state = "waiting";
    revision.created_ms = unix_ms();
    revision.id = world_.store.add_revision(revision);
    world_.tell(events::Entry("pushed", repository).at(commit).by(listener.call));
    queue.submit(revision, std::move(listener));
    return revision;
}

Task<void> Deployer::take_push(const Call &call, std::string repository, std::string commit, std::string pusher, Listener listener) {
    while (taking_.contains(repository)) {
        auto before = taking_.at(repository);
        co_await before->wait();
    }
    auto turn = std::make_shared<Event>(world_.executor);
    taking_[repository] = turn;
    struct Leave {
        Deployer &deployer;
        const std::string &repository;
        std::shared_ptr<Event> turn;
        ~Leave() {
            deployer.taking_.erase(repository);
            turn->set();
        }
    } leave{*this, repository, turn};
    std::exception_ptr failure;
    try {
        co_await take_in_turn(call, repository, std::move(commit), pusher, std::move(listener));
        missed_.erase(repository);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    missed_[repository] = pusher;
    std::rethrow_exception(failure);
}

// A push whose ref is there and whose report could not be taken up: pushing it again would report nothing.
void Deployer::take_what_was_missed() {
    for (const auto &[repository, pusher] : std::exchange(missed_, {}))
        if (world_.store.flake(repository)) spawn_task(world_.executor, "look again at " + repository, take_again(repository, pusher));
}

Task<void> Deployer::take_again(std::string repository, std::string pusher) {
    Call call("look again at " + repository, minutes(1));
    std::string wherever;
    Listener nobody;
    co_await take_push(call, repository, wherever, pusher, nobody);
}

Task<void> Deployer::take_in_turn(const Call &call, std::string repository, std::string commit, std::string pusher, Listener listener) {
    git::ResolveRequest head;
    head.repository = repository;
    std::string tip;
    std::exception_ptr failure;
    try {
        Call part = call.within(seconds(30));
        git::ResolveReply at = co_await world_.git->ask<git::ResolveReply>(part, "resolve", head);
        tip = at.commit;
    } catch (...) {
        failure = std::current_exception();
    }
    if (stopped_) co_return;   // the next start compares
    if (failure && commit.empty()) std::rethrow_exception(failure);
    if (failure) log_warning("deploy", repository + ": where its branch is cannot be asked; " + commit.substr(0, 10) + " is taken as it was told", call.id());
    auto last = world_.store.latest_revision(repository);
    if (commit.empty() && last && last->commit == tip) co_return;
    if (commit.empty() || failure || commit == tip) {
        submit(repository, commit.empty() ? tip : commit, pusher, std::move(listener));
        co_return;
    }
    state::Revision overtaken;   // not recorded: it never was what this flake should become
    overtaken.repository = repository;
    overtaken.commit = commit;
    overtaken.pushed_by = pusher;
    overtaken.state = "superseded";
    overtaken.message = "a newer push of " + tip.substr(0, 10) + " took its place";
    overtaken.created_ms = overtaken.finished_ms = unix_ms();
    log_info("deploy", repository + " " + commit.substr(0, 10) + ": superseded: " + overtaken.message, listener.call);
    world_.tell(events::Entry("pushed", repository).at(commit).by(listener.call));
    world_.tell(events::Entry("superseded", repository).at(commit).by(listener.call).because(overtaken.message));
    if (listener.finished) listener.finished(overtaken);
}

Task<void> Deployer::take_up(const Call &call) {
    json nothing = json::object();
    git::ListReply hosted = co_await world_.git->ask<git::ListReply>(call, "list", nothing);
    std::map<std::string, std::string> heads;
    for (const auto &repository : hosted.repositories) heads[repository.name] = repository.head;

    for (auto &flake : world_.store.flakes()) {
        auto last = world_.store.latest_revision(flake.repository);
        const std::string &head = heads[flake.repository];
        if (head.empty() && !last) {   // a claim whose first push never arrived
            git::RepositoryRequest gone;
            gone.repository = flake.repository;
            co_await world_.git->call(call, "remove", gone);
            world_.store.remove_flake(flake.repository);
            continue;
        }
        // What was under way: a push, or a rollback.  Older ones were overtaken while we were away; that something newer is finished
        // (a return to an older generation, which happens by itself) overtakes nothing.
        std::optional<state::Revision> newest;
        for (auto &revision : world_.store.unfinished_revisions()) {   // oldest first
            if (revision.repository != flake.repository) continue;
            if (newest) {
                bool returning = revision.kind == "return";   // because of the one before
                newest->state = returning ? "failed" : "superseded";
                newest->stage = returning ? "starting" : "";
                newest->message = returning ? "it did not get ready, and the generation before it came back" : "newer work took its place";
                world_.store.update_revision(*newest);
            }
            newest = revision;
        }
        if (!head.empty() && (!last || last->commit != head)) {
            log_info("deploy", flake.repository + ": the ref is ahead of what was deployed; queueing " + head.substr(0, 10));
            submit(flake.repository, head, last ? last->pushed_by : flake.owner, {});
            if (newest) {
                newest->state = "superseded";
                newest->message = "a newer push took its place";
                world_.store.update_revision(*newest);
            }
        } else if (newest) {
            worker(flake.repository).submit(*newest, {});
        } else {
            worker(flake.repository).heal("");
        }
    }
}

state::Revision Deployer::roll_back(const std::string &repository, const std::string &instance, const std::string &generation,
                                    const std::string &who, Listener listener) {
    FlakeWorker &queue = worker(repository);
    auto &store = world_.store;
    Instances now = queue.current();
    if (now.empty()) throw Failure(Code::not_found, repository + " has nothing deployed to roll back; see: status " + repository);
    std::optional<state::Generation> target;
    if (generation.empty()) target = previous_generation(store, repository, instance);
    else target = find_generation(store, repository, generation);
    if (!target)
        throw Failure(Code::not_found, (instance.empty() ? repository : repository + "/" + instance) +
                                           " has no older generation that is kept and ever was ready; see: generations " + repository);
    Instances wanted = instances_of(*target);
    if (!instance.empty()) {
        auto old = wanted.find(instance);
        if (old == wanted.end())
            throw Failure(Code::not_found, name_of(*target) + " of " + repository + " has no instance " + instance + "; see: diff " + repository +
                                               " " + std::to_string(target->number));
        model::InstanceSpec spec = old->second;
        wanted = now;
        wanted[instance] = spec;
    }
    for (const auto &[name, spec] : wanted)
        if (!world_.builder.has_image(spec.image))
            throw Failure(Code::not_found, "the image of " + name + " in " + name_of(*target) + " is gone; push its commit again");
    auto origin = store.revision(target->revision);
    state::Revision revision;
    revision.repository = repository;
    revision.kind = "rollback";
    revision.commit = origin ? origin->commit : "";
    revision.tree = origin ? origin->tree : "";
    revision.pushed_by = who;
    revision.state = "waiting";
    revision.created_ms = unix_ms();
    revision.timings = "{}";
    store.transaction([&] {
        revision.id = store.add_revision(revision);
        state::Generation made = make_generation(repository, wanted, revision.id);
        if (store.current_generation(repository) == made.hash)
            throw Failure(Code::conflict, (instance.empty() ? repository : repository + "/" + instance) + " is as in " + name_of(*target) +
                                              " already; to boot it anew: restart");
        store.put_generation(made);
        revision.generation = made.hash;
        store.update_revision(revision);
    });
    queue.submit(revision, std::move(listener));
    return revision;
}

FlakeWorker &Deployer::worker_with(const std::string &repository, const std::string &instance) {
    FlakeWorker &queue = worker(repository);
    if (!queue.current().contains(instance))
        throw Failure(Code::not_found, repository + " has no instance " + instance + " deployed; see: status " + repository);
    return queue;
}

void Deployer::request_restart(const std::string &repository, const std::string &instance) {
    FlakeWorker &queue = worker_with(repository, instance);
    world_.store.transaction([&] {
        ask_to_run(world_.store, queue.flake().ns, instance);
        world_.store.add_restart_request(queue.flake().ns, instance);
    });
    world_.tell(events::Entry("restart_requested", repository).on(instance));
    queue.heal("a restart of " + instance + " was asked for");
}

void Deployer::request_start(const std::string &repository, const std::string &instance) {
    FlakeWorker &queue = worker_with(repository, instance);
    ask_to_run(world_.store, queue.flake().ns, instance);
    queue.heal("a start of " + instance + " was asked for");
}

void Deployer::request_stop(const std::string &repository, const std::string &instance) {
    FlakeWorker &queue = worker_with(repository, instance);
    ask_to_rest(world_.store, queue.flake().ns, instance);
    queue.heal("a stop of " + instance + " was asked for");
}

Task<void> Deployer::watch() {
    bool taken_up = true;   // by whoever opened the runtime
    while (!stopped_) {
        try {
            if (!taken_up) {
                Call call("recover", minutes(2));
                json nothing = json::object();
                co_await world_.runtime->call(call, "recover", nothing);
                taken_up = true;
            }
            Call call("watch", hours(24 * 365));
            providers::CallOptions options;
            options.stream = true;
            options.on_item = [this](const json &item, std::vector<UniqueFd>) { on_boot(item.get<runtime::Boot>()); };
            runtime::WaitRequest everything;
            co_await world_.runtime->call(call, "wait", everything, std::move(options));
        } catch (const std::exception &error) {
            if (!stopped_) log_warning("deploy", "watching the instances was interrupted: " + std::string(error.what()));
        }
        if (stopped_) co_return;
        // The runtime's host may be a new one: what the other one was at is half done, and it knows no publication.
        taken_up = false;
        co_await sleep_for(seconds(1));
        for (auto &[repository, queue] : workers_) {
            queue->converger().doubt_publication();
            queue->heal("the runtime was started again");
        }
    }
}

void Deployer::on_boot(const runtime::Boot &boot) {
    std::string &last = last_states_[boot.handle];
    bool changed = last != boot.state;
    last = boot.state;
    if (boot.state != "exited") return;
    last_states_.erase(boot.handle);
    if (!changed) return;
    std::string ns = boot.instance.substr(0, boot.instance.find('/'));
    auto flake = world_.store.flake_by_namespace(ns);
    world_.tell(events::Entry("exited", flake ? flake->repository : "").on(boot.instance.substr(ns.size() + 1)).because(boot.reason));
    if (flake)
        worker(flake->repository).heal(boot.instance.substr(ns.size() + 1) + " has exited: " + boot.reason);
}

Task<void> Deployer::heal_from_time_to_time() {
    auto next = Call::Clock::now() + seconds(30);
    while (!stopped_) {
        tidy_wanted_.clear();
        co_await tidy_wanted_.wait_until(next);
        if (stopped_) co_return;
        if (auto now = Call::Clock::now(); now >= next) {
            next = now + seconds(30);
            for (auto &[repository, queue] : workers_)
                if (!queue->busy()) queue->heal("");
            take_what_was_missed();
        }
        co_await sleep_for(seconds(1));   // one look for many that come to rest together
        if (stopped_) co_return;
        try {
            Call call("clear away", minutes(2));
            co_await clear_away(call);
        } catch (const std::exception &error) {
            log_warning("deploy", "clearing away failed, ignoring: " + std::string(error.what()));
        }
    }
}

// Boots of namespaces that no flake has, and images of no kept generation.  Only while nobody builds: a new image has no
// generation until its job records one.
Task<void> Deployer::clear_away(const Call &call) {
    json nothing = json::object();
    // Healing asks the other providers all the time; this one's host, when it died, would come back only with the next push.
    co_await world_.git->call(call, "check", nothing);
    runtime::ListReply boots = co_await world_.runtime->ask<runtime::ListReply>(call, "list", nothing);
    for (const auto &boot : boots.boots) {
        std::string ns = boot.instance.substr(0, boot.instance.find('/'));
        if (world_.store.flake_by_namespace(ns)) continue;
        log_warning("deploy", "ending " + boot.handle + ": no flake has the namespace " + ns);
        runtime::HandleRequest request;
        request.handle = boot.handle;
        co_await world_.runtime->call(call, "destroy", request);
    }
    // An instance that never gets ready keeps its flake busy for ever; checking makes no images.
    auto somebody_builds = [this] {
        return std::any_of(workers_.begin(), workers_.end(), [](auto &one) { return one.second->busy() && one.second->phase() != "checking"; });
    };
    if (somebody_builds()) co_return;
    std::set<std::string> wanted;
    for (const auto &flake : world_.store.flakes())
        for (const auto &generation : kept_generations(world_.store, flake.repository, world_.keep_generations))
            for (const auto &[name, spec] : instances_of(generation)) wanted.insert(spec.image);
    for (const auto &boot : boots.boots) wanted.insert(boot.image);
    std::vector<std::string> keep(wanted.begin(), wanted.end());
    world_.builder.remove_images_except(keep);
    runtime::ImagesReply held = co_await world_.runtime->ask<runtime::ImagesReply>(call, "images", nothing);
    for (const auto &key : held.keys) {
        if (wanted.contains(key)) continue;
        if (somebody_builds()) co_return;
        runtime::ForgetRequest request;
        request.key = key;
        co_await world_.runtime->call(call, "forget", request);
    }
}

Task<std::vector<std::string>> Deployer::collect_garbage(const Call &call) {
    std::vector<std::string> busy;
    for (const auto &flake : world_.store.flakes()) {
        worker(flake.repository).collect_soon();
        busy.push_back(flake.repository);
    }
    while (!busy.empty() && !stopped_ && call.remaining() > seconds(30)) {
        co_await sleep_for(std::chrono::milliseconds(100));
        call.check();
        std::erase_if(busy, [this](const std::string &repository) { return !worker(repository).collect_pending(); });
    }
    co_await clear_away(call);
    co_return busy;
}

void Deployer::stop() {
    stopped_ = true;
    tidy_wanted_.set();
    for (auto &[repository, queue] : workers_) queue->stop();
}

Task<void> Deployer::end_all_instances(const Call &call) {
    json nothing = json::object();
    runtime::ListReply boots = co_await world_.runtime->ask<runtime::ListReply>(call, "list", nothing);
    for (const auto &boot : boots.boots) {
        runtime::StopRequest stop;
        stop.handle = boot.handle;
        stop.grace_ms = 2000;
        runtime::HandleRequest destroy;
        destroy.handle = boot.handle;
        try {
            co_await world_.runtime->call(call, "stop", stop);
            co_await world_.runtime->call(call, "destroy", destroy);
        } catch (const std::exception &error) {
            log_warning("deploy", "ending " + boot.handle + ": " + std::string(error.what()));
        }
    }
}

}  // namespace seed::deploy
