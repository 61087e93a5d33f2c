// Hosted git conversations: who may, what a first push makes, what happens when refs have changed.
#include <algorithm>

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
const std::string platforms_own = "seed";   // published by the provider of git, read by everybody, pushed to by nobody
}

Task<json> Api::git(Request &request) {
    std::string service = request.args.at("service").get<std::string>();
    std::string repository = model::RepoName(request.args.at("repository").get<std::string>()).str();
    if (request.descriptors.size() != 3) throw Failure(Code::invalid, "a git conversation needs three descriptors");
    git::ServeRequest serve;
    serve.repository = repository;
    serve.service = service;
    serve.protocol = request.args.value("protocol", "");
    serve.pack_limit_bytes = hosting_.pack_bytes;
    serve.repository_limit_bytes = hosting_.repository_bytes;
    if (service == "receive-pack") co_return co_await receive(request, repository, json(serve));
    if (service != "upload-pack") throw Failure(Code::unsupported, "no such service: " + printable(service, 40));
    if (!deployer_.world().store.flake(repository) && repository != platforms_own)
        throw Failure(Code::not_found, "there is no repository " + repository + "; a push to it makes it");
    providers::CallOptions options;
    options.stream = true;
    for (auto &descriptor : request.descriptors) options.descriptors.push_back(descriptor.get());
    json last = co_await deployer_.world().git->call(request.call, "serve", json(serve), std::move(options));
    co_return json{{"exit_code", last.value("exit_code", 1)}};
}

// The key becomes the owner before the first byte of the pack: of two first pushes at once, one makes the repository.
Task<void> Api::claim(const Request &request, std::string repository) {
    auto &store = deployer_.world().store;
    if (request.person.key.empty()) throw Failure(Code::denied, "pushing needs a key; connect over ssh");
    if (!hosting_.open_admission)
        throw Failure(Code::denied,
                      "there is no repository " + repository + " and this platform makes none without an invitation");
    size_t owned = 0;
    for (const auto &flake : store.flakes()) owned += flake.owner == request.person.key;
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
    log_info("front", repository + " is claimed by " + request.person.fingerprint);
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
    if (receiving_[repository] > 0 || world.store.latest_revision(repository)) co_return;
    git::RepositoryRequest which;
    which.repository = repository;
    json nothing = json::object();
    git::ListReply all = co_await world.git->ask<git::ListReply>(call, "list", nothing);
    for (const auto &hosted : all.repositories)
        if (hosted.name == repository && !hosted.head.empty()) co_return;
    if (receiving_[repository] > 0) co_return;  // somebody began while we looked
    co_await world.git->call(call, "remove", which);
    if (receiving_[repository] > 0) co_return;
    world.store.remove_flake(repository);
    access_.forget(repository);
}

// The conversation broke off: if the refs changed nevertheless, the ref is the truth.
Task<void> Api::catch_up(const Call &call, std::string repository, std::string pusher) {
    auto &world = deployer_.world();
    git::ResolveRequest head;
    head.repository = repository;
    try {
        git::ResolveReply at = co_await world.git->ask<git::ResolveReply>(call, "resolve", head);
        auto last = world.store.latest_revision(repository);
        access_.forget(repository);
        if (!last || last->commit != at.commit) deployer_.submit(repository, at.commit, pusher, {});
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found)   // the next start compares again
            log_warning("front", repository + ": whether the push arrived is not known: " + failure.what());
    }
}

Task<json> Api::receive(Request &request, std::string repository, json serve) {
    auto &world = deployer_.world();
    if (!world.store.flake(repository)) {
        if (repository == platforms_own)
            throw Failure(Code::denied, "the repository seed is the platform's own flake: choose another name for yours");
        co_await claim(request, repository);
    } else if (request.kind == PeerKind::session) {
        auto role = co_await access_.role(request.call, request.person.key, repository);
        if (!role)
            throw Failure(Code::denied, "this key may not push to " + repository + " (" + request.person.fingerprint +
                                            "); its owner can add the key to .authorized_keys");
    }
    Pipe report = make_pipe();
    auto reporter = std::make_shared<ReportPipe>(world.executor, std::move(report.write));
    providers::CallOptions options;
    options.stream = true;
    for (auto &descriptor : request.descriptors) options.descriptors.push_back(descriptor.get());
    options.descriptors.push_back(report.read.get());
    options.on_item = [this, &request, &repository, reporter](const json &item, std::vector<UniqueFd>) {
        if (item.contains("updated")) on_updated(request, repository, item["updated"], reporter);
    };
    ++receiving_[repository];
    json last;
    std::exception_ptr failure;
    try {
        last = co_await world.git->call(request.call, "serve", serve, std::move(options));
    } catch (...) {
        failure = std::current_exception();
    }
    reporter->finish();
    if (--receiving_[repository] == 0) receiving_.erase(repository);
    Call part("after a push to " + repository, std::chrono::seconds(30));
    if (failure) co_await catch_up(part, repository, request.person.key);
    co_await release_if_empty(part, repository);
    if (failure) std::rethrow_exception(failure);
    co_return json{{"exit_code", last.value("exit_code", 1)}};
}

void Api::on_updated(const Request &request, const std::string &repository, const json &item,
                     std::shared_ptr<ReportPipe> report) {
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
    bool wait = std::find(updated.push_options.begin(), updated.push_options.end(), "nowait") == updated.push_options.end();
    deploy::Listener listener;
    if (wait) {
        listener.line = [report](std::string_view line) { report->line("seed: " + printable(line, 400)); };
        listener.finished = [this, report](const state::Revision &revision) {
            report_outcome(revision, *report);
            report->finish();
        };
    }
    report->line("seed: received " + deployed->new_commit.substr(0, 10) + ", namespace " +
                 deployer_.worker(repository).flake().ns);
    deployer_.submit(repository, deployed->new_commit, request.person.key, std::move(listener));
    if (!wait) {
        report->line("seed: deploying; see: ssh " + hosting_.silo + " status " + repository);
        report->finish();
    }
}

void Api::report_outcome(const state::Revision &revision, ReportPipe &report) {
    auto seconds = format_duration_ms(revision.finished_ms - revision.created_ms);
    if (revision.state == "superseded") return report.line("seed: superseded: " + revision.message);
    if (revision.state != "deployed") {
        report.line("seed: FAILED while " + revision.stage + " (after " + seconds + "); what ran before still runs");
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
