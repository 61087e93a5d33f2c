// The running platform: every room opened in order, served until told to stop, closed in the opposite order.
#pragma once
#include <memory>
#include <string>

#include "core/access/access.h"
#include "core/build/nix_builder.h"
#include "core/config/config.h"
#include "core/deploy/deployer.h"
#include "core/events/events.h"
#include "core/events/metrics.h"
#include "core/front/api.h"
#include "core/front/front_child.h"
#include "core/front/front_link.h"
#include "core/front/local_listener.h"
#include "core/names/records.h"
#include "core/providers/measured.h"
#include "core/providers/storages.h"
#include "core/state/store.h"

namespace seed::program {

class Platform {
public:
    // Takes the state directory (one platform at a time), opens the database, makes what is made once.  Blocking.
    // `config_file` is read again when somebody asks what a change of it would move; empty: there is none.
    Platform(asio::io_context &context, config::Settings settings, std::string config_file = {});
    ~Platform();

    // Opens the providers, takes up what was pushed, serves.  Returns when stop() was called.
    Task<void> run(bool stop_instances);
    void stop();
    // From now on run() ends the instances too when it is stopped, as if it had been told so from the start.
    void also_stop_instances() { stop_instances_ = true; }
    // Sockets that listen already, for a seed-front that is our child: "ssh", "http".
    void use_sockets(std::map<std::string, UniqueFd> sockets) { sockets_ = std::move(sockets); }
    // seed-front is a service of its own and connects there; otherwise it is our child.
    void expect_front_at(std::string path) { front_socket_ = std::move(path); }

private:
    Task<std::shared_ptr<providers::Provider>> open(const Call &call, std::string kind, json given);
    Task<std::shared_ptr<providers::Provider>> open_in(const Call &call, std::string kind, std::string plugin, json config, bool in_line, std::string folder);
    Task<void> take_over_records(const Call &call, std::string zone);
    // Its records are asked for no more; Failure(invalid) unless `confirm` is its name again.  What stays behind is in the answer.
    json forget_former(const std::string &plugin, const std::string &confirm);
    Task<void> open_providers(const Call &call);
    Task<void> open_storage(const Call &call);
    Task<json> plan_providers(const Call &call);
    nlohmann::json published_flake() const;
    Task<void> open_rooms(const Call &call);
    Task<void> write_source(Call call, std::string repository, std::string revision, int write_fd);
    void note(const std::string &folder, const providers::CallReport &report);
    void open_front();
    Task<void> listen(const Call &call);
    deploy::Ingress ingress() const;
    std::string shortage() const;   // why nothing new may begin; empty: it may
    void announce();
    Task<void> close(bool stop_instances);

    asio::io_context &context_;
    config::Settings settings_;
    std::string config_file_;
    UniqueFd lock_;
    std::unique_ptr<state::Store> store_;
    std::string id_, prefix_, dns_server_, host_key_file_;
    providers::Trace trace_;
    std::map<std::string, std::shared_ptr<providers::Provider>> providers_;
    events::Metrics metrics_;
    std::unique_ptr<events::Stream> events_;
    struct Condition {
        bool down = false;
        int64_t restarts = 0;
    };
    std::map<std::string, Condition> conditions_;   // of the providers, by folder
    std::shared_ptr<providers::Storages> storages_;
    std::unique_ptr<build::NixBuilder> builder_;
    std::shared_ptr<names::OwnZones> own_zones_;
    std::unique_ptr<names::Records> records_;
    std::unique_ptr<deploy::Deployer> deployer_;
    std::unique_ptr<access::Access> access_;
    std::unique_ptr<front::Api> api_;
    std::unique_ptr<front::FrontLink> front_;
    std::unique_ptr<front::FrontChild> front_child_;
    std::unique_ptr<front::LocalListener> front_listener_, operator_;
    Event stopping_;
    bool stop_instances_ = false;
    std::map<std::string, UniqueFd> sockets_;
    std::string front_socket_;
};

}  // namespace seed::program
