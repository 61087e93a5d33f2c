// Hosted git conversations: who may, what a first push makes, what happens when refs have changed.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include <seed/util/text.h>
#include <seed/git.hpp>

#include "core/base/log.h"
#include "core/front/api.h"
#include "core/front/report_pipe.h"
#include "core/identity/self_planting.h"
#include "core/model/addresses.h"

namespace seed::front {

namespace {
const std::string no_commit(40, '0');

constexpr int conversations_per_key = 16;  // at the same time: each is a process with memory of its own

// One more of something by name, until the end of the scope or end().
class Counted {
public:
    Counted(std::map<std::string, int> &all, std::string name) : all_(all), name_(std::move(name)) { ++all_[name_]; }
    Counted(const Counted &) = delete;
    ~Counted() { end(); }
    void end() {
        if (std::exchange(counted_, false) && --all_[name_] == 0) all_.erase(name_);
    }

private:
    std::map<std::string, int> &all_;
    std::string name_;
    bool counted_ = true;
};

// git push -o wait=SECONDS: the pusher goes, the deployment goes on.  A report that is finished already takes no more lines.
Task<void> end_report_after(std::chrono::seconds patience, std::shared_ptr<ReportPipe> report, std::string where) {
    std::weak_ptr<ReportPipe> waiting = report;
    report.reset();
    co_await sleep_for(patience);
    if (auto still = waiting.lock()) {
        still->line("seed: still deploying after " + std::to_string(patience.count()) + " s; see: " + where);
        still->finish();
    }
}
}

Task<json> Api::git(Request &request) {
    std::string service = request.args.at("service").get<std::string>();
    std::string repository = model::RepoName(request.args.at("repository").get<std::string>()).str();
    if (request.descriptors.size() != 3) throw Failure(Code::invalid, "a git conversation needs three descriptors");
    Counted conversing(conversing_, request.person.key);
    if (conversing_[request.person.key] > conversations_per_key)
        throw Failure(Code::limit, "this key has " + std::to_string(conversations_per_key) +
                                       " clones and pushes running, as many as the platform allows; try again when one has ended");
    git::ServeRequest serve;
    serve.repository = repository;
    serve.service = service;
    serve.protocol = request.args.value("protocol", "");
    serve.pack_limit_bytes = hosting_.pack_bytes;
    serve.repository_limit_bytes = hosting_.repository_bytes;
    serve.known_options = {"plan", "nowait", "wait=SECONDS"};
    serve.propose_option = "plan";
    if (service == "receive-pack") co_return co_await receive(request, repository, json(serve));
    if (service != "upload-pack") throw Failure(Code::unsupported, "no such service: " + printable(service, 40));
    if (!deployer_.world().store.flake(repository) && repository != platforms_own)
        throw Failure(Code::not_found, "there is no repository " + repository + "; a push to it makes it");
    providers::CallOptions options;
    options.stream = true;
    for (auto &descriptor : request.descriptors) options.descriptors.push_back(descriptor.get());
    json last = co_await deployer_.world().git->call(request.call, "serve", json(serve), std::move(options));
    co_return json{{"exit_code", last.value("exit_code", 1)}, {"call", request.call.id()}};
}

// The key becomes the owner before the first byte of the pack: of two first pushes at once, one makes the repository.
Task<void> Api::claim(const Request &request, std::string repository) {
    auto &store = deployer_.world().store;
    if (request.person.key.empty()) throw Failure(Code::denied, "pushing needs a key; connect over ssh");
    must_be_invited(request.person, repository);
    size_t owned = store.flakes_owned(request.person.key);
    if (owned >= hosting_.repositories_per_key)
        throw Failure(Code::limit, "this key owns " + std::to_string(owned) + " repositories, as many as the platform allows");
    auto identity = identity::make_identity();
    state::Flake flake;
    flake.repository = repository;
    flake.owner = request.person.key;
    flake.cid = identity.cid;
    flake.ns = model::Namespace::of_cid(identity.cid).str();
    flake.identity_key = identity.private_key;
    flake.created_ms = unix_ms_now();
    if (!store.add_flake(flake))
        throw Failure(Code::conflict, repository + " was just made by somebody else; choose another name");
    log_info("front", repository + " is claimed by " + request.person.fingerprint, request.call.id());
    git::RepositoryRequest create;
    create.repository = repository;
    std::exception_ptr failure;
    try {
        co_await deployer_.world().git->call(request.call, "create", create);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    store.remove_flake(repository);
    std::rethrow_exception(failure);
}

// A first push that brought nothing leaves no name taken.
Task<void> Api::release_if_empty(const Call &call, std::string repository) {
    auto &world = deployer_.world();
    if (receiving_.contains(repository) || world.store.latest_revision(repository)) co_return;
    git::ResolveRequest head;
    head.repository = repository;
    bool empty = false;
    try {
        co_await world.git->call(call, "resolve", head);
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found) throw;
        empty = true;
    }
    if (!empty || receiving_.contains(repository)) co_return;  // somebody began while we looked
    git::RepositoryRequest which;
    which.repository = repository;
    co_await world.git->call(call, "remove", which);
    if (receiving_.contains(repository)) co_return;
    world.store.remove_flake(repository);
    deployer_.forget(repository);   // whoever makes it anew has another namespace
    access_.forget(repository);
}

// The conversation broke off: if the refs changed nevertheless, the ref is the truth.
Task<void> Api::catch_up(const Call &call, std::string repository, std::string pusher) {
    try {
        access_.forget(repository);
        std::string wherever;
        deploy::Listener nobody;
        co_await deployer_.take_push(call, repository, wherever, pusher, nobody);
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found)   // the next start compares again
            log_warning("front", repository + ": whether the push arrived is not known: " + failure.what());
    }
}

Task<json> Api::receive(Request &request, std::string repository, json serve) {
    auto &world = deployer_.world();
    if (std::string why = world.shortage ? world.shortage() : ""; !why.empty())
        throw Failure(Code::limit, why + ": nothing new is taken until there is space again; what runs goes on");
    if (auto wait = pushes_.refuse(request.person.key, Rate::Clock::now()))
        throw Failure(Code::limit, "this key has pushed " + std::to_string(hosting_.pushes_per_minute) +
                                       " times within a minute, as often as the platform allows; try again in " +
                                       std::to_string(wait->count()) + " s");
    // From now on nobody takes the repository for abandoned, whatever becomes of the other pushes to it.
    Counted receiving(receiving_, repository);
    auto known = world.store.flake(repository);
    if (!known) {
        if (repository == platforms_own)
            throw Failure(Code::denied, "the repository seed is the platform's own flake: choose another name for yours");
        co_await claim(request, repository);
    } else if (request.kind == PeerKind::session) {
        auto role = co_await access_.role(request.call, request.person.key, repository);
        if (!role)
            throw Failure(Code::denied, "this key may not push to " + repository + " (" + request.person.fingerprint +
                                            "); its owner can add the key to .authorized_keys");
    }
    if (known && !world.store.latest_revision(repository)) {  // its first push may still be making it
        git::RepositoryRequest create;
        create.repository = repository;
        co_await world.git->call(request.call, "create", create);
    }
    Pipe report = make_pipe();
    auto reporter = std::make_shared<ReportPipe>(world.executor, std::move(report.write));
    providers::CallOptions options;
    options.stream = true;
    for (auto &descriptor : request.descriptors) options.descriptors.push_back(descriptor.get());
    options.descriptors.push_back(report.read.get());
    bool arrived = false;
    auto taken = std::make_shared<Event>(world.executor);   // what arrived is queued
    taken->set();
    options.on_item = [this, &request, &repository, &arrived, taken, reporter](const json &item, std::vector<UniqueFd>) {
        if (item.contains("proposed"))
            spawn_task(deployer_.world().executor, "plan " + repository, propose(request.call, repository, item["proposed"], reporter));
        if (!item.contains("updated")) return;
        arrived = true;
        on_updated(request, repository, item["updated"], reporter, taken);
    };
    json last;
    std::exception_ptr failure;
    try {
        last = co_await world.git->call(request.call, "serve", serve, std::move(options));
    } catch (...) {
        failure = std::current_exception();
    }
    reporter->finish();
    co_await taken->wait();
    receiving.end();
    Call part("after a push to " + repository, std::chrono::seconds(30));
    if (failure) co_await catch_up(part, repository, request.person.key);
    if (arrived) settle_invitations(repository, request.call.id());
    if (!arrived) co_await release_if_empty(part, repository);
    if (failure) std::rethrow_exception(failure);
    co_return json{{"exit_code", last.value("exit_code", 1)}, {"call", request.call.id()}};
}

void Api::on_updated(const Request &request, const std::string &repository, const json &item,
                     std::shared_ptr<ReportPipe> report, std::shared_ptr<Event> taken) {
    auto updated = item.get<git::Updated>();
    access_.forget(repository);
    const git::RefUpdate *deployed = nullptr;
    for (const auto &update : updated.updates)
        if (update.ref == updated.default_branch && update.new_commit != no_commit) deployed = &update;
    if (!deployed) {
        report->line("seed: only " + updated.default_branch + " is deployed; nothing to do");
        report->finish();
        return;
    }
    bool wait = true;
    std::chrono::seconds patience(0);   // 0: until it is finished
    for (const auto &option : updated.push_options) {   // git-silo lets no others through
        if (option == "nowait") wait = false;
        if (option.starts_with("wait=")) patience = std::chrono::seconds(std::strtol(option.c_str() + 5, nullptr, 10));
        if (option == "wait=0") wait = false;
    }
    deploy::Listener listener;
    listener.call = request.call.id();
    if (wait) {
        listener.line = [report](std::string_view line) { report->line("seed: " + printable(line, 400)); };
        listener.finished = [this, report](const state::Revision &revision) {
            report_outcome(revision, *report);
            report->finish();
        };
    }
    report->line("seed: received " + deployed->new_commit.substr(0, 10) + ", namespace " +
                 deployer_.worker(repository).flake().ns);
    taken->clear();
    spawn_task(deployer_.world().executor, "push to " + repository,
               take_up_push(repository, deployed->new_commit, request.person.key, std::move(listener), taken));
    if (wait && patience.count() > 0)
        spawn_task(deployer_.world().executor, "patience", end_report_after(patience, report, "ssh " + hosting_.silo + " status " + repository));
    if (!wait) {
        report->line("seed: deploying; see: ssh " + hosting_.silo + " status " + repository);
        report->finish();
    }
}

// The conversation may end before this does; the deployment goes on.
Task<void> Api::take_up_push(std::string repository, std::string commit, std::string pusher, deploy::Listener listener,
                             std::shared_ptr<Event> taken) {
    struct Done {
        std::shared_ptr<Event> taken;
        ~Done() { taken->set(); }
    } done{taken};
    Call call(listener.call, std::chrono::seconds(60));
    try {
        co_await deployer_.take_push(call, repository, commit, pusher, listener);
    } catch (const std::exception &error) {
        log_error("front", repository + " " + commit.substr(0, 10) + " was not queued: " + error.what(), call.id());
        state::Revision failed;
        failed.repository = repository;
        failed.state = "failed";
        failed.stage = "queueing";
        failed.message = std::string(error.what()) + "; the platform has the commit and tries again by itself";
        if (listener.finished) listener.finished(failed);
    }
}

// git push -o plan: the objects are in quarantine while we read them; the push is refused afterwards, whatever we say.
Task<void> Api::propose(Call the_call, std::string repository, json item, std::shared_ptr<ReportPipe> report) {
    try {
        auto proposed = item.get<git::Proposed>();
        const git::RefUpdate *wanted = nullptr;
        for (const auto &update : proposed.updates)
            if (update.ref == proposed.default_branch && update.new_commit != no_commit) wanted = &update;
        if (proposed.default_branch.empty())
            throw Failure(Code::not_found, "nothing has been pushed to " + repository + " yet, so there is nothing to compare with: push without -o plan");
        if (!wanted) {
            report->line("seed: only " + proposed.default_branch + " is deployed; this would change nothing that runs");
        } else {
            std::string commit = wanted->new_commit;
            Call call = the_call.within(std::chrono::minutes(10));
            std::string quarantine = proposed.quarantine;
            auto planned = co_await deployer_.worker(repository).plan(call, commit, quarantine);
            json plan = plan_json(repository, planned);
            for (const auto &line : plan["lines"]) report->line("seed: " + line.get<std::string>());
        }
    } catch (const std::exception &error) {
        for (const auto &line : split(error.what(), '\n')) report->line("seed: " + printable(line, 1000));
    }
    report->finish();
}

void Api::report_outcome(const state::Revision &revision, ReportPipe &report) {
    auto seconds = format_duration_ms(revision.finished_ms - revision.created_ms);
    if (revision.state == "superseded") return report.line("seed: superseded: " + revision.message);
    if (revision.state != "deployed") {
        bool untouched = revision.stage != "starting" && !deployer_.worker(revision.repository).current().empty();
        report.line("seed: FAILED while " + revision.stage + " (after " + seconds + ")" + (untouched ? "; what ran before still runs" : ""));
        for (const auto &line : split(revision.message, '\n')) report.line("seed:   " + printable(line, 1000));
        return;
    }
    report.line("seed: deployed in " + seconds);
    auto &worker = deployer_.worker(revision.repository);
    const auto &ns = worker.flake().ns;
    for (const auto &[name, spec] : worker.current()) {
        if (spec.expose.empty()) continue;
        report.line("seed: " + name + " is " + name + "." + ns + "." + hosting_.domain + " at " +
                    model::service_address(deployer_.world().prefix, ns, name));
        for (const auto &port : spec.expose)
            for (const auto &url : urls_of(worker, name, port)) report.line("seed:   " + url);
    }
}

}  // namespace seed::front
