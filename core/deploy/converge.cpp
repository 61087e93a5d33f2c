#include "core/deploy/converge.h"

#include <algorithm>

#include <seed/storage.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/deploy/power.h"
#include "core/model/addresses.h"
#include "core/model/environment.h"

namespace seed::deploy {
namespace {

using model::Action;
using model::ActionKind;
using std::chrono::seconds;

constexpr auto trusted_for = std::chrono::minutes(5);   // a publication
constexpr int most_rounds = 4;   // a plan that is not empty after so many rounds is reported, not tried for ever

// "1763720100123-k3f9": sorts by time, unique also when two boots are made within a millisecond.
std::string new_boot_id() { return std::to_string(unix_ms()) + "-" + unique_hex(3); }

std::vector<runtime::Expose> exposed(const model::InstanceSpec &spec) {
    std::vector<runtime::Expose> ports;
    for (const auto &port : spec.expose) ports.push_back({port.name, port.port, port.protocol});
    return ports;
}

std::vector<model::ExposedPort> exposed(const std::vector<runtime::Expose> &ports) {
    std::vector<model::ExposedPort> found;
    for (const auto &port : ports) found.push_back({port.name, port.port, port.protocol});
    return found;
}

std::map<std::string, model::ObservedService> observed(const std::map<std::string, runtime::Service> &services) {
    std::map<std::string, model::ObservedService> seen;
    for (const auto &[name, service] : services) {
        model::ObservedService &one = seen[name];
        one = {service.address, service.handle, exposed(service.expose)};
        for (const auto &route : service.routes) one.routes.push_back({route.name, route.address, route.host_port, route.port, route.udp});
    }
    return seen;
}

std::string name_within(const std::string &qualified) { return qualified.substr(qualified.find('/') + 1); }

}  // namespace

// What the chains of one round share.
struct Converger::Progress {
    explicit Progress(asio::any_io_executor executor) : done(executor) {}
    size_t running = 0;
    Event done;
    std::exception_ptr first_failure;
};

Converger::Converger(World &world, std::string repository, std::string ns)
    : world_(world), repository_(std::move(repository)), ns_(std::move(ns)), publishing_(std::make_shared<Event>(world.executor)) {
    publishing_->set();
}

model::Desired Converger::desired(const std::map<std::string, model::InstanceSpec> &instances) const {
    model::Desired want;
    want.ns = ns_;
    want.domain = world_.domain;
    want.ipv4 = world_.ingress.ipv4;
    want.instances = instances;
    for (const auto &[name, spec] : instances) {
        want.addresses[name] = model::service_address(world_.prefix, ns_, name);
        want.restart_requests[name] = world_.store.restart_requests(ns_, name);
        if (!shall_run(world_.store, ns_, spec)) want.resting.insert(name);
    }
    return want;
}

Task<model::Observed> Converger::observe(const Call &call, const std::map<std::string, model::InstanceSpec> &instances) {
    model::Observed seen;
    std::shared_ptr<const View> view = co_await world_.lookout->look(call);
    if (auto boots = view->boots.find(ns_); boots != view->boots.end())
        for (const auto &boot : boots->second)
            seen.boots.push_back({boot.handle, name_within(boot.instance), boot.desired, boot.state, boot.reason, boot.ipv4_only});
    if (auto volumes = view->volumes.find(ns_); volumes != view->volumes.end())
        for (const auto &volume : volumes->second) seen.volumes.push_back({volume.volume, volume.size_bytes});
    for (const auto &[name, spec] : instances)
        if (view->images.contains(spec.image)) seen.images.push_back(spec.image);
    if (auto records = view->records.find(ns_); records != view->records.end()) seen.records = records->second;
    seen.services = observed(services_);
    co_return seen;
}

// What ought to be published when nobody knows what is: for each wanted instance the boot that serves best.
std::map<std::string, runtime::Service> Converger::services_of(const model::Desired &want, const model::Observed &seen) const {
    std::map<std::string, runtime::Service> services;
    std::map<std::string, std::string> labels;
    for (const auto &boot : seen.boots) {
        auto spec = want.instances.find(boot.instance);
        if (boot.state != "ready" || spec == want.instances.end() || spec->second.expose.empty()) continue;
        auto wanted = model::boot_label(spec->second, want.restart_requests.at(boot.instance));
        if (labels[boot.instance] == wanted && boot.desired != wanted) continue;
        labels[boot.instance] = boot.desired;
        services[boot.instance] = service(want, boot.instance, boot.handle);
    }
    return services;
}

void Converger::interrupt(std::string why) {
    interrupted_ = std::move(why);
    auto waits = waits_;   // whoever is woken leaves the list
    for (auto &[handle, wait] : waits) wait.cancel(interrupted_);
}

Task<std::vector<Action>> Converger::plan(const Call &call, const std::map<std::string, model::InstanceSpec> &instances, bool new_wishes) {
    model::Observed seen = co_await observe(call, instances);
    model::Desired want = desired(instances);
    want.volumes_may_be_larger = !new_wishes;
    if (!publication_known_) seen.services = observed(services_of(want, seen));
    co_return model::plan(want, seen);
}

Task<size_t> Converger::converge(const Call &call, std::map<std::string, model::InstanceSpec> instances) {
    size_t done = 0;
    interrupted_.clear();
    for (int round = 0; round < most_rounds; ++round) {
        model::Observed seen = co_await observe(call, instances);
        model::Desired want = desired(instances);
        want.volumes_may_be_larger = true;   // plan() has told the author already; an older generation may return
        if (!publication_known_) {
            // As a whole before anything changes: published one by one, the first would take the others' places away.
            services_ = services_of(want, seen);
            co_await send_publication(call);
            seen.services = observed(services_);
        }
        // Those that are on their way have their names from the first publication on: a neighbour that asks early is refused by the
        // port, and is not told that there is no such host.
        awaited_.clear();
        for (const auto &[name, spec] : want.instances)
            if (!spec.expose.empty() && !want.resting.contains(name)) awaited_[name] = service(want, name, "");
        std::vector<Action> actions = model::plan(want, seen);
        if (actions.empty()) co_return done;
        done += actions.size();
        co_await carry_out(call, want, std::move(actions));
    }
    std::vector<Action> left = co_await plan(call, instances);
    if (left.empty()) co_return done;
    throw Failure(Code::unavailable, "still not as wanted after " + std::to_string(most_rounds) + " rounds: " + model::describe(left[0]) +
                                         "; it is tried again");
}

// One chain per instance, side by side; records last, in one batch, because a name without an instance helps nobody.
Task<void> Converger::carry_out(const Call &call, const model::Desired &want, std::vector<Action> actions) {
    std::map<std::string, std::vector<Action>> chains;
    bool records = false;
    for (auto &action : actions) {
        if (action.kind == ActionKind::apply_record || action.kind == ActionKind::remove_record) records = true;
        else chains[action.instance].push_back(std::move(action));
    }
    auto progress = std::make_shared<Progress>(world_.executor);
    progress->running = chains.size();
    for (auto &[instance, chain_actions] : chains)
        asio::co_spawn(world_.executor, chain(call, want, std::move(chain_actions), progress), asio::detached);
    if (progress->running) co_await progress->done.wait();
    if (records) {
        std::set<model::Record> all = model::wanted_records(want);
        std::vector<model::Record> wanted(all.begin(), all.end());
        int64_t entry = world_.store.journal_begin(repository_, "records: " + std::to_string(wanted.size()) + " names");
        std::exception_ptr failure;
        try {
            co_await world_.records.set(call, ns_, wanted);
            world_.store.journal_end(entry, true, "");
        } catch (const std::exception &error) {
            world_.store.journal_end(entry, false, error.what());
            failure = std::current_exception();
        }
        if (failure && !progress->first_failure) progress->first_failure = failure;
    }
    if (progress->first_failure) std::rethrow_exception(progress->first_failure);
}

Task<void> Converger::chain(const Call &call, const model::Desired &want, std::vector<Action> actions, std::shared_ptr<Progress> progress) {
    std::string started;   // handle of the boot this chain started
    try {
        for (const auto &action : actions) {
            if (!interrupted_.empty()) throw Failure(Code::cancelled, interrupted_);
            int64_t entry = world_.store.journal_begin(repository_, model::describe(action));
            log_info("deploy", ns_ + ": " + model::describe(action) + (action.reason.empty() ? "" : " (" + action.reason + ")"), call.id());
            std::string why;
            std::exception_ptr failure;
            try {
                co_await act(call, want, action, started);
            } catch (const std::exception &error) {
                failure = std::current_exception();
                why = error.what();
            }
            world_.store.journal_end(entry, !failure, why);
            if (failure) std::rethrow_exception(failure);
        }
    } catch (...) {
        if (!progress->first_failure) progress->first_failure = std::current_exception();
    }
    if (--progress->running == 0) progress->done.set();
}

Task<void> Converger::act(const Call &call, const model::Desired &want, const Action &action, std::string &started) {
    switch (action.kind) {
    case ActionKind::create_volume:
    case ActionKind::grow_volume: {
        json request = {{"volume", action.volume}, {"size_bytes", action.size_bytes}};
        std::string slot = action.kind == ActionKind::create_volume ? "create" : "resize";
        Call part = call.within(seconds(120));
        co_await world_.storage->call(part, slot, request);
        break;
    }
    case ActionKind::prepare_image: {
        build::Image image;
        const auto &spec = want.instances.at(action.instance);
        Call part = call.within(seconds(120));
        image = co_await world_.builder.image(part, ns_, spec.out_path);
        runtime::PrepareRequest request;
        request.key = image.key;
        request.image = image.path;
        co_await world_.runtime->call(part, "prepare", request);
        break;
    }
    case ActionKind::start:
        started = co_await start(call, want, action.instance);
        break;
    case ActionKind::await_ready:
        co_await await_ready(call, action.instance, action.handle.empty() ? started : action.handle);
        break;
    case ActionKind::publish:
        services_[action.instance] = service(want, action.instance, action.handle.empty() ? started : action.handle);
        co_await send_publication(call);
        world_.tell(events::Entry("published", repository_).on(action.instance).by(call.id()));
        break;
    case ActionKind::stop: {
        runtime::StopRequest request;
        request.handle = action.handle;
        // A rolling change: the new boot serves new connections already, the old one finishes those it has.
        auto spec = want.instances.find(action.instance);
        if (spec != want.instances.end() && spec->second.rollout == model::Rollout::rolling)
            request.drain_ms = static_cast<uint32_t>(std::chrono::milliseconds(world_.drain).count());
        Call part = call.within(seconds(30) + world_.drain);
        co_await world_.runtime->call(part, "stop", request);
        break;
    }
    case ActionKind::destroy: {
        runtime::HandleRequest request;
        request.handle = action.handle;
        Call part = call.within(seconds(30));
        co_await world_.runtime->call(part, "destroy", request);
        break;
    }
    case ActionKind::unpublish:
        services_.erase(action.instance);
        co_await send_publication(call);
        break;
    case ActionKind::apply_record:
    case ActionKind::remove_record:
        break;   // carry_out() sends them all at once
    }
}

Task<std::string> Converger::start(const Call &call, const model::Desired &want, std::string instance) {
    const auto &spec = want.instances.at(instance);
    runtime::StartRequest request;
    request.instance = ns_ + "/" + instance;
    request.handle = request.instance + "/" + new_boot_id();
    request.image = spec.image;
    request.init = spec.out_path + "/init";
    request.desired = model::boot_label(spec, want.restart_requests.at(instance));
    request.vcpus = spec.size.vcpus;
    request.memory_mib = spec.size.memory_mib;
    request.expose = exposed(spec);
    request.host_name = instance;
    if (!spec.expose.empty()) request.service_address = want.addresses.at(instance);
    request.environment = model::environment_of(spec, {ns_, world_.domain, world_.node_address});
    request.connections = model::connections_of(spec);
    Call part = call.within(seconds(60));
    for (const auto &volume : spec.volumes) {
        storage::VolumeRequest attach;
        attach.volume = request.instance + "/" + volume.name;
        storage::AttachReply at = co_await world_.storage->ask<storage::AttachReply>(part, "attach", attach);
        request.volumes.push_back(
            {volume.name, at.path, volume.mount_point, volume.user, volume.group, volume.mode, std::max(volume.size_bytes, at.size_bytes)});
    }
    call.progress("starting " + instance + " (" + spec.size.name + ": " + std::to_string(spec.size.vcpus) + " vCPU, " +
                  std::to_string(spec.size.memory_mib) + " MiB)");
    runtime::Boot boot = co_await world_.runtime->ask<runtime::Boot>(part, "start", request);
    world_.tell(events::Entry("booted", repository_).on(instance).by(call.id()));
    co_return boot.handle;
}

// Reads the runtime's own stream of changes of this boot until it is ready or has exited.
Task<void> Converger::await_ready(const Call &call, std::string instance, std::string handle) {
    Call part = call.within(world_.ready_deadline);
    runtime::WaitRequest request;
    request.handle = handle;
    runtime::Boot last;
    providers::CallOptions options;
    options.stream = true;
    Call watch = part.child(world_.ready_deadline);   // ended by us as soon as the boot has settled
    options.on_item = [&last, watch](const json &item, std::vector<UniqueFd>) {
        last = item.get<runtime::Boot>();
        if (last.state != "starting") watch.cancel("settled");
    };
    std::exception_ptr ended;
    bool too_late = false;
    waits_.insert_or_assign(handle, watch);
    try {
        co_await world_.runtime->call(watch, "wait", request, std::move(options));
    } catch (const Failure &failure) {
        ended = std::current_exception();
        too_late = failure.code() == Code::timeout;
    }
    waits_.erase(handle);
    if (too_late) {   // perhaps the news did not come through
        json nothing = json::object();
        Call ask("look at " + handle, seconds(30));
        runtime::ListReply boots = co_await world_.runtime->ask<runtime::ListReply>(ask, "list", nothing);
        for (const auto &boot : boots.boots)
            if (boot.handle == handle) last = boot;
    }
    if (last.state == "ready") {
        call.progress(instance + " is ready after " + format_duration_ms(last.ready_ms - last.started_ms));
        world_.tell(events::Entry("ready", repository_).on(instance).by(call.id()).took(last.ready_ms - last.started_ms));
        co_return;
    }
    if (last.state == "exited")
        throw NotReady(Code::unavailable, instance + " stopped before it was ready: " + last.reason + "; see: logs " + instance, instance, handle);
    if (!interrupted_.empty()) throw Failure(Code::cancelled, interrupted_);
    if (too_late) {
        runtime::StopRequest stop;   // or it would be awaited again and again; the next try starts a new one
        stop.handle = handle;
        stop.grace_ms = 2000;
        Call end("end " + handle, seconds(30));
        co_await world_.runtime->call(end, "stop", stop);
        throw NotReady(Code::timeout, instance + " was not ready within " + std::to_string(world_.ready_deadline.count()) +
                                          " s and was stopped: " + (last.reason.empty() ? "it said nothing" : last.reason) +
                                          "; see: logs " + instance, instance, handle);
    }
    if (ended) std::rethrow_exception(ended);
    throw Failure(Code::unavailable, instance + ": the runtime stopped watching it; it is tried again");
}

runtime::Service Converger::service(const model::Desired &want, const std::string &instance, const std::string &handle) const {
    runtime::Service service;
    service.instance = ns_ + "/" + instance;
    service.address = want.addresses.at(instance);
    service.handle = handle;
    service.expose = exposed(want.instances.at(instance));
    service.names = {instance, "seed-" + instance};
    for (const auto &port : model::public_ports(want.instances.at(instance), want.ipv4))
        service.routes.push_back({port.route, port.address, port.port, port.target_port, port.udp});
    return service;
}

void Converger::doubt_old_publication() {
    bool refused = std::any_of(route_reports_.begin(), route_reports_.end(), [](const auto &one) { return !one.ok; });
    if (refused || Call::Clock::now() - sent_at_ >= trusted_for) doubt_publication();
}

Task<void> Converger::send_publication(const Call &call) {
    while (!publishing_->is_set()) co_await publishing_->wait();
    runtime::PublishRequest request;
    request.ns = ns_;
    for (const auto &[name, service] : services_) request.services.push_back(service);
    for (const auto &[name, service] : awaited_)
        if (!services_.contains(name)) request.services.push_back(service);
    std::string text = to_json_text(request);
    if (publication_known_ && text == sent_) co_return;
    publishing_->clear();
    doubt_publication();
    struct Finish {
        std::shared_ptr<Event> event;
        ~Finish() { event->set(); }
    } finish{publishing_};
    Call part = call.within(seconds(30));
    runtime::PublishReply reply = co_await world_.runtime->ask<runtime::PublishReply>(part, "publish", request);
    publication_known_ = true;
    sent_ = std::move(text);
    sent_at_ = Call::Clock::now();
    forwards_ = reply.forwards;
    tell_routes(request, std::move(reply.routes));
}

// What is not served is a remark of `status` and a line for the operator, not a failure: the instance itself serves.
void Converger::tell_routes(const runtime::PublishRequest &request, std::vector<runtime::RouteReport> reports) {
    auto same = [](const runtime::RouteReport &a, const runtime::RouteReport &b) {
        return std::tie(a.instance, a.name, a.udp) == std::tie(b.instance, b.name, b.udp);
    };
    for (const auto &service : request.services)
        for (const auto &route : service.routes) {
            runtime::RouteReport asked{service.instance, route.name, route.udp, false, "the runtime of this platform carries no public routes"};
            if (std::none_of(reports.begin(), reports.end(), [&](const auto &one) { return same(one, asked); })) reports.push_back(asked);
        }
    for (const auto &one : reports) {
        if (one.ok) continue;
        bool known = std::any_of(route_reports_.begin(), route_reports_.end(),
                                 [&](const auto &before) { return same(before, one) && !before.ok && before.reason == one.reason; });
        if (!known) log_warning("deploy", one.instance + ": the public route " + one.name + " is not served: " + one.reason);
    }
    route_reports_ = std::move(reports);
}

}  // namespace seed::deploy
