// The typed requests that the fronts and the operator's command line send to seedd (docs/architecture.md lists them).
//
// A peer is a session (one key, nothing before `hello`), the HTTP front (health, webhooks), the metrics front (health, metrics), or
// the operator (all repositories).  What
// a peer sends is never trusted beyond its kind: every argument is checked here, and a frame that is not a request ends the peer.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/access/access.h"
#include "core/base/frame_stream.h"
#include "core/deploy/deployer.h"
#include "core/events/metrics.h"
#include "core/front/rate.h"
#include "core/front/webhook.h"
#include "core/providers/trace.h"

namespace seed::front {

inline const std::string platforms_own = "seed";   // repository published by the provider of git, read by everybody, pushed to by nobody

enum class PeerKind { session, http, metrics, operator_ };

struct Person {
    std::string key;          // canonical "TYPE BASE64"; empty: said no hello yet
    std::string fingerprint;  // for people
    std::string remote;       // address, for the log
};

struct Hosting {
    std::string domain, silo;
    std::string webhook_secrets;  // file; see webhook.h
    std::string state_directory;  // of the platform: its processes are found by it
    bool open_admission = false;
    size_t repositories_per_key = 20;
    uint64_t pack_bytes = 256ull << 20;
    uint64_t repository_bytes = 1ull << 30;
    size_t pushes_per_minute = 60;       // by one key; 0: unlimited
    size_t connections_per_key = 32;     // at the same time
};

// One request in flight.
struct Request {
    Call call;
    PeerKind kind;
    Person person;
    json args;
    std::vector<UniqueFd> descriptors;
    std::function<void(const json &)> item;  // streams: one item to the peer, queued at once
    std::function<Task<void>(json)> send_item;  // the same, returns when the peer keeps up with reading
};

void must_be_operator(const Request &request);  // Failure(denied) for everybody else

class Api {
public:
    Api(deploy::Deployer &deployer, access::Access &access, Hosting hosting);

    // Serves one peer until it leaves.  Cancels what it asked for and did not wait for.
    Task<void> serve(UniqueFd socket, PeerKind kind);
    // Providers that `health` and `status` tell about, by kind.
    void set_providers(std::map<std::string, std::shared_ptr<providers::Provider>> providers) {
        providers_ = std::move(providers);
    }
    // What the configuration file, as it is now, would move from one provider to another at the next start; none: the request is refused.
    using ProviderPlan = std::function<Task<json>(const Call &)>;
    void set_provider_plan(ProviderPlan plan) { provider_plan_ = std::move(plan); }
    // Gives up what a provider that is not configured any more still has; none: the request is refused.
    using FormerProvider = std::function<json(const std::string &plugin, const std::string &confirm)>;
    void set_former_provider(FormerProvider forget) { former_provider_ = std::move(forget); }
    void set_trace(providers::Trace *trace) { trace_ = trace; }  // borrowed; none: the request is refused
    void set_metrics(events::Metrics *metrics) { metrics_ = metrics; }  // borrowed; none: the request is refused

private:
    struct Peer;
    using Handler = Task<json> (Api::*)(Request &);
    static Task<void> send_to(std::shared_ptr<Peer> peer, int64_t id, json item);
    Task<void> answer(std::shared_ptr<Peer> peer, int64_t id, std::string op, std::shared_ptr<Request> request);

    Task<json> status(Request &request);
    Task<json> logs(Request &request);
    Task<json> restart(Request &request);
    Task<json> start(Request &request);
    Task<json> stop(Request &request);
    Task<json> volumes(Request &request);
    Task<json> volume_delete(Request &request);
    Task<json> whoami(Request &request);
    Task<json> health(Request &request);
    Task<json> events(Request &request);
    Task<json> metrics(Request &request);
    Task<json> plugins(Request &request);
    Task<json> plugin_call(Request &request);
    Task<json> plugin_trace(Request &request);
    Task<json> plugin_restart(Request &request);
    Task<json> plugin_check(Request &request);
    Task<json> plugin_forget(Request &request);
    Task<json> collect(Request &request);
    Task<json> invitations(Request &request);
    Task<json> invite(Request &request);
    Task<json> invite_revoke(Request &request);
    void tell_refusal(const Request &request, const std::string &op, const Failure &failure);
    Task<json> git(Request &request);
    Task<json> refresh(Request &request);
    Task<json> deployments(Request &request);
    Task<json> generations(Request &request);
    Task<json> rollback(Request &request);
    Task<json> diff(Request &request);
    Task<json> plan(Request &request);

    std::shared_ptr<providers::Provider> provider_named(const std::string &name) const;  // by plugin or kind

    // The repositories this request may manage.
    Task<std::vector<access::Access::Membership>> visible(const Request &request);
    struct Target {
        std::string repository, instance;
    };
    // "[REPOSITORY/]INSTANCE" among the visible ones; ambiguity lists the candidates.
    Task<Target> resolve_instance(const Request &request, std::string text);
    // As resolve_instance(), and a repository as a whole: the instance is empty then.
    Task<Target> resolve_rollback_target(const Request &request, std::string text);
    // Empty: the only one; Failure lists them otherwise, or names the one that was probably meant.
    Task<access::Access::Membership> resolve_membership(const Request &request, std::string text);
    Task<std::string> resolve_repository(const Request &request, std::string text);
    static json quota_json(const model::Quota &quota, const model::Use &use);
    json deployment_json(const state::Revision &revision) const;
    json describe_flake(const std::string &repository, std::string_view role, const deploy::View &view);
    // Where an exposed port is reached from this host's loopback; empty when the runtime forwards none.
    json routes_of(deploy::FlakeWorker &worker, const model::InstanceSpec &spec);
    static std::vector<std::string> urls_of(deploy::FlakeWorker &worker, const std::string &instance, const model::ExposedPort &port);
    void must_be_invited(const Person &person, const std::string &repository);
    json invitations_of(const std::string &key);   // names of repositories
    void settle_invitations(const std::string &repository, const std::string &call);
    Task<void> claim(const Request &request, std::string repository);
    Task<json> receive(Request &request, std::string repository, json serve);
    Task<void> catch_up(const Call &call, std::string repository, std::string pusher);
    Task<void> release_if_empty(const Call &call, std::string repository);
    // A generation by number or hash, a commit (evaluated when need be), "running"; a name for people beside.
    Task<std::pair<std::string, deploy::Instances>> state_at(const Request &request, std::string repository, std::string text);
    json plan_json(const std::string &repository, const deploy::FlakeWorker::Planned &planned);
    Task<void> propose(Call call, std::string repository, json item, std::shared_ptr<class ReportPipe> report);
    void on_updated(const Request &request, const std::string &repository, const json &updated,
                    std::shared_ptr<class ReportPipe> report, std::shared_ptr<Event> taken);
    Task<void> take_up_push(std::string repository, std::string commit, std::string pusher, deploy::Listener listener,
                            std::shared_ptr<Event> taken);
    void report_outcome(const state::Revision &revision, class ReportPipe &report);

    static const std::map<std::string, Handler> handlers;
    deploy::Deployer &deployer_;
    access::Access &access_;
    Hosting hosting_;
    std::map<std::string, std::shared_ptr<providers::Provider>> providers_;
    events::Metrics *metrics_ = nullptr;
    providers::Trace *trace_ = nullptr;
    ProviderPlan provider_plan_;
    FormerProvider former_provider_;
    size_t in_flight_ = 0;
    int64_t refusals_minute_ = 0, refusals_told_ = 0;
    std::map<std::string, int> receiving_;  // pushes in flight by repository
    std::map<std::string, int> conversing_;    // git conversations in flight by key
    std::map<std::string, size_t> connected_;  // sessions by key
    Rate pushes_;                              // by key
    Replays replays_;
};

}  // namespace seed::front
