// What people look at: status, volumes, whoami, health, restart.
#include <algorithm>

#include <seed/util/text.h>
#include <seed/storage.hpp>

#include "core/deploy/power.h"
#include "core/front/api.h"
#include "core/model/addresses.h"

namespace seed::front {
namespace {

std::string state_of(const runtime::Boot &boot) {
    return boot.state == "exited" ? "failed" : boot.state;
}

json revision_json(const state::Revision &revision) {
    json timings = revision.timings.empty() ? json::object() : parse_json(revision.timings, "timings");
    return {{"commit", revision.commit},   {"state", revision.state},           {"stage", revision.stage},
            {"message", revision.message}, {"created_ms", revision.created_ms}, {"finished_ms", revision.finished_ms},
            {"timings", timings}};
}

}  // namespace

Task<json> Api::status(Request &request) {
    std::string only = request.args.value("repository", "");
    if (!only.empty()) only = co_await resolve_repository(request, only);
    auto members = co_await visible(request);
    auto view = co_await deployer_.world().lookout->look_at_machines(request.call);
    json flakes = json::array();
    for (const auto &member : members) {
        if (!only.empty() && member.repository != only) continue;
        json flake = describe_flake(member.repository, access::to_string(member.role), *view);
        flakes.push_back(std::move(flake));
    }
    co_return json{{"platform", {{"domain", hosting_.domain}, {"silo", hosting_.silo}, {"version", SEED_VERSION}}},
                   {"flakes", flakes}};
}

std::vector<std::string> Api::urls_of(deploy::FlakeWorker &worker, const std::string &instance, const model::ExposedPort &port) {
    std::vector<std::string> urls;
    bool http = port.protocol == "http";
    for (const auto &forward : worker.converger().forwards()) {
        bool carried = forward.udp ? port.protocol == "udp" || port.protocol == "dns" : port.protocol != "udp";
        if (!carried || forward.instance != worker.flake().ns + "/" + instance || forward.port != port.port) continue;
        const char *scheme = http ? "http" : forward.udp ? "udp" : "tcp";
        urls.push_back(std::string(scheme) + "://127.0.0.1:" + std::to_string(forward.host_port) + (http ? "/" : ""));
    }
    return urls;
}

// Each with what the runtime said of it last; "reason" is empty while it is served.
json Api::routes_of(deploy::FlakeWorker &worker, const model::InstanceSpec &spec) {
    json routes = json::array();
    for (const auto &port : model::public_ports(spec, deployer_.world().ingress.ipv4)) {
        std::string reason = "it is not published: " + spec.name + " does not run";
        for (const auto &report : worker.converger().routes())
            if (report.instance == worker.flake().ns + "/" + spec.name && report.name == port.route && report.udp == port.udp)
                reason = report.ok ? "" : report.reason;
        routes.push_back({{"name", port.route}, {"address", port.address}, {"port", port.port}, {"target_port", port.target_port}, {"udp", port.udp}, {"reason", reason}});
    }
    return routes;
}

json Api::describe_flake(const std::string &repository, std::string_view role, const deploy::View &view) {
    auto &store = deployer_.world().store;
    auto &worker = deployer_.worker(repository);
    const std::string &ns = worker.flake().ns;
    static const std::vector<runtime::Boot> none;
    auto found = view.boots.find(ns);
    const auto &boots = found == view.boots.end() ? none : found->second;
    auto volumes = view.volumes.find(ns);
    json flake = {{"repository", repository},
                  {"namespace", ns},
                  {"role", role},
                  {"phase", worker.phase()},
                  {"trouble", worker.trouble()},
                  {"generation", store.current_generation(repository).value_or("")}};
    if (auto last = store.latest_revision(repository)) flake["revision"] = revision_json(*last);
    std::vector<model::ObservedVolume> there;
    if (volumes != view.volumes.end())
        for (const auto &volume : volumes->second) there.push_back({volume.volume, volume.size_bytes});
    model::Use use = model::use_of(ns, worker.current(), there);
    flake["quota"] = quota_json(worker.quota(), use);
    if (auto newest = store.latest_deployment(repository)) flake["deployment"] = deployment_json(*newest);
    if (auto hash = store.current_generation(repository))
        if (auto generation = store.generation(repository, *hash)) flake["generation_number"] = generation->number;
    json instances = json::array();
    auto current = worker.current();
    for (const auto &[name, spec] : current) {
        json one = {{"name", name}, {"size", spec.size.name}, {"state", "stopped"},
                    {"reason", ""}, {"ipv4_only", false},     {"uptime_ms", 0}};
        const runtime::Boot *newest = nullptr;
        for (const auto &boot : boots)
            if (boot.instance == ns + "/" + name && (!newest || boot.handle > newest->handle)) newest = &boot;
        if (newest) {
            one["state"] = state_of(*newest);
            one["reason"] = newest->reason;
            for (const auto &remark : newest->remarks)
                one["reason"] = one["reason"].get<std::string>() + (one["reason"] == "" ? "" : "; ") + remark;
            one["ipv4_only"] = newest->ipv4_only;
            one["boot"] = newest->handle.substr(newest->handle.rfind('/') + 1);
            if (newest->state != "exited") one["uptime_ms"] = unix_ms_now() - newest->started_ms;
        }
        one["restarts"] = store.restart_requests(ns, name);
        if (!newest && !deploy::shall_run(store, ns, spec))
            one["reason"] = spec.autostart ? "it was stopped: start it with: start " + name
                                           : "autostart = false: start it with: start " + name;
        json expose = json::array(), urls = json::array(), mounted = json::array();
        for (const auto &port : spec.expose) {
            expose.push_back({{"name", port.name}, {"port", port.port}, {"protocol", port.protocol}});
            for (auto &url : urls_of(worker, name, port)) urls.push_back(std::move(url));
        }
        for (const auto &volume : spec.volumes) mounted.push_back(ns + "/" + name + "/" + volume.name);
        json names = json::array();
        for (const auto &own : spec.names) names.push_back(own.name);
        one["names"] = names;
        one["routes"] = routes_of(worker, spec);
        one["expose"] = expose;
        one["urls"] = urls;
        one["volumes"] = mounted;
        if (!spec.expose.empty()) {
            one["fqdn"] = name + "." + ns + "." + hosting_.domain;
            one["address"] = model::service_address(deployer_.world().prefix, ns, name);
        }
        instances.push_back(std::move(one));
    }
    flake["instances"] = instances;
    json detached = json::array();
    for (const auto &[id, size] : there) {
        std::string rest = id.substr(ns.size() + 1);
        auto owner = current.find(rest.substr(0, rest.find('/')));
        bool attached = false;
        if (owner != current.end())
            for (const auto &spec : owner->second.volumes) attached |= rest == owner->first + "/" + spec.name;
        if (!attached) detached.push_back(id);
    }
    flake["detached_volumes"] = detached;
    return flake;
}

Task<json> Api::volumes(Request &request) {
    json status_of_all = co_await status(request);
    json nothing = json::object();
    storage::ListReply volumes = co_await deployer_.world().storage->ask<storage::ListReply>(request.call, "list", nothing);
    json found = json::array();
    for (const auto &flake : status_of_all["flakes"]) {
        std::string ns = flake["namespace"];
        const json &detached = flake["detached_volumes"];
        for (const auto &volume : volumes.volumes) {
            if (!volume.volume.starts_with(ns + "/")) continue;
            bool attached = std::find(detached.begin(), detached.end(), json(volume.volume)) == detached.end();
            found.push_back({{"volume", volume.volume},
                             {"repository", flake["repository"]},
                             {"name", flake["repository"].get<std::string>() + volume.volume.substr(ns.size())},
                             {"size_bytes", volume.size_bytes},
                             {"used_bytes", volume.used_bytes},
                             {"attached", attached}});
        }
    }
    co_return json{{"volumes", found}};
}

Task<json> Api::whoami(Request &request) {
    json repositories = json::array();
    auto members = co_await visible(request);
    for (const auto &member : members)
        repositories.push_back({{"name", member.repository}, {"role", access::to_string(member.role)}});
    co_return json{{"key", request.person.key}, {"fingerprint", request.person.fingerprint}, {"repositories", repositories}};
}

Task<json> Api::health(Request &request) {
    json list = json::array();
    bool all_well = true;
    for (const auto &[kind, provider] : providers_) {
        json one = {{"kind", kind}, {"plugin", provider->settings().plugin}, {"ok", true}, {"remarks", json::array()}};
        try {
            Call part = request.call.within(std::chrono::seconds(5));
            json nothing = json::object();
            json reply = co_await provider->call(part, "check", nothing);
            one["ok"] = reply.value("ok", true);
            one["remarks"] = reply.value("remarks", json::array());
        } catch (const std::exception &error) {
            one["ok"] = false;
            one["remarks"] = {error.what()};
        }
        all_well &= one["ok"].get<bool>();
        if (request.kind == PeerKind::http) one.erase("remarks");  // strangers read that page
        list.push_back(one);
    }
    co_return json{{"ok", all_well}, {"version", SEED_VERSION}, {"providers", list}};
}

Task<json> Api::restart(Request &request) {
    std::string text = request.args.at("instance").get<std::string>();
    Target target = co_await resolve_instance(request, text);
    deployer_.request_restart(target.repository, target.instance);
    co_return json{
        {"instance", target.repository + "/" + target.instance},
        {"requested", deployer_.world().store.restart_requests(deployer_.worker(target.repository).flake().ns, target.instance)}};
}

}  // namespace seed::front
