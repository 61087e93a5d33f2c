#include "platform.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/runtime.hpp>
#include <seed/util/cage.h>
#include <seed/util/cgroup.h>
#include <seed/util/file.h>
#include <seed/util/privileged_cage.h>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/front/service_manager.h"
#include "core/model/addresses.h"
#include "core/names/move.h"
#include "core/providers/host_group.h"
#include "host_keys.h"

namespace seed::program {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
namespace fs = std::filesystem;

// Made once and kept: what it is called like (addresses, marks of ownership) must never change under running instances.
std::string made_once(state::Store &store, const std::string &name, const std::function<std::string()> &make) {
    if (auto known = store.setting(name)) return *known;
    std::string value = make();
    store.set_setting(name, value);
    return value;
}

// Patient: when a seedd was killed between fork and exec of a child, the child holds its lock for another moment.
UniqueFd lock_state(const fs::path &file) {
    UniqueFd lock = open_file(file, O_RDWR | O_CREAT, 0600);
    auto deadline = std::chrono::steady_clock::now() + seconds(5);
    while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) fail_errno("lock " + file.string());
        if (std::chrono::steady_clock::now() > deadline)
            throw Failure(Code::conflict, file.parent_path().string() + " is in use by another seedd; stop it first");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return lock;
}

}  // namespace

Platform::Platform(asio::io_context &context, config::Settings settings, std::string config_file)
    : context_(context), settings_(std::move(settings)), config_file_(std::move(config_file)), trace_(context.get_executor()), stopping_(context.get_executor()) {
    fs::path state = settings_.platform.state;
    make_directory(state, 0755);   // children of other uids pass through it; each part has its own mode
    lock_ = lock_state(state / "lock");
    if (fs::exists(state / ".restoring"))
        throw Failure(Code::conflict, "a restore into " + state.string() + " was interrupted; run seed restore again");
    make_directory(state / "core", 0700);
    store_ = std::make_unique<state::Store>((state / "core/seed.sqlite3").string());
    id_ = made_once(*store_, "platform id", [] { return random_hex(6); });
    prefix_ = settings_.ingress.prefix.empty() ? made_once(*store_, "address prefix", model::generate_ula_prefix) : settings_.ingress.prefix;
    events_ = std::make_unique<events::Stream>(context.get_executor(), (state / "core/events.ndjson").string());
    events_->observe([this](const events::Entry &entry) { metrics_.count(entry); });
    metrics_.set("seed_build_info", {{"version", SEED_VERSION}}, 1);
    metrics_.set("seed_start_time_seconds", {}, static_cast<double>(unix_ms()) / 1000);
    host_key_file_ = (state / "core/ssh_host_ed25519_key").string();
    make_host_key(host_key_file_);
}

Platform::~Platform() = default;

void Platform::stop() { stopping_.set(); }

Task<void> Platform::run(bool stop_instances) {
    std::exception_ptr failure;
    try {
        Call call("start", minutes(5));
        co_await open_providers(call);
        co_await open_rooms(call);
        co_await listen(call);
        co_await publish_host_keys(call, *records_, host_key_file_, settings_.platform.silo, settings_.platform.domain);
        co_await deployer_->take_up(call);
        spawn_task(context_.get_executor(), "authorized keys", access_->learn());
        announce();
        co_await stopping_.wait();
    } catch (...) {
        failure = std::current_exception();
    }
    front::tell_stopping();
    co_await close(stop_instances || stop_instances_);
    if (failure) std::rethrow_exception(failure);
}

Task<std::shared_ptr<providers::Provider>> Platform::open(const Call &call, std::string kind, json given) {
    auto found = settings_.providers.find(kind);
    if (found == settings_.providers.end() || found->second.empty())
        throw Failure(Code::invalid, "no provider of kind " + kind + " is configured; add providers." + kind);
    const auto &chosen = found->second.front();
    std::string folder = kind == "dns" ? names::folder_of(*store_, chosen.plugin) : kind;
    json config = chosen.config;
    config.update(given);
    co_return co_await open_in(call, kind, chosen.plugin, config, chosen.isolation == config::Isolation::inline_, folder);
}

Task<std::shared_ptr<providers::Provider>> Platform::open_in(const Call &call, std::string kind, std::string plugin, json config, bool in_line,
                                                             std::string folder) {
    providers::ProviderSettings settings;
    settings.kind = kind;
    settings.plugin = plugin;
    settings.path = providers::find_plugin(settings_.plugin_directories, plugin);
    settings.config = std::move(config);
    settings.isolation = in_line ? providers::Isolation::inline_ : providers::Isolation::process;
    settings.privileged = kind == "runtime";
    settings.uid = uids::of_provider(kind);
    settings.platform = id_;
    settings.state_directory = (fs::path(settings_.platform.state) / folder).string();
    settings.read_paths = {program_directory().string()};
    if (settings.config.contains("flake")) settings.read_paths.push_back(settings.config["flake"].get<std::string>());
    auto provider = co_await providers::open_provider(context_.get_executor(), settings, call);
    log_info("seedd", kind + " provider " + plugin + " is open");
    providers::CallObserver observer = [this, folder](const providers::CallReport &report) { note(folder, report); };
    co_return providers::measured(provider, observer, &trace_);
}

// Every call is counted.  A provider went down when its host had to be started again or cannot be, and is up with the next call that is
// answered.
void Platform::note(const std::string &folder, const providers::CallReport &report) {
    std::string kind(report.kind);
    events::Labels labels = {{"kind", kind}, {"plugin", std::string(report.plugin)}, {"operation", std::string(report.slot)}};
    if (!report.stream) {
        metrics_.observe("seed_provider_call_duration_seconds", labels, std::chrono::duration<double>(report.duration).count());
    }
    labels.emplace_back("code", to_string(report.code));
    metrics_.add("seed_provider_calls_total", labels);
    Condition &condition = conditions_[folder];
    auto turn = [&](bool down) {
        if (condition.down == down) return;
        condition.down = down;
        events::Entry entry(down ? "provider_down" : "provider_up", "");
        entry.subject = kind;
        if (down) entry.reason = report.last_end;
        events_->tell(std::move(entry));
    };
    if (report.restarts > condition.restarts) turn(true);   // perhaps nobody had noticed
    if (report.restarts >= 0) condition.restarts = report.restarts;
    if (report.code == Code::unavailable && !report.running) turn(true);
    if (report.code == Code::ok) turn(false);
}

// What git-silo, the git server of the platform itself, publishes: templates and modules for those who write flakes.
json Platform::published_flake() const {
    auto found = settings_.providers.find("git");
    fs::path folder = settings_.platform.flake;
    if (folder.empty()) folder = (program_directory().parent_path() / "share/seed/flake").lexically_normal();
    if (found == settings_.providers.end() || found->second.empty() || found->second.front().plugin != "git-silo" || !fs::exists(folder / "flake.nix"))
        return json::object();
    std::string port = settings_.listen.ssh.substr(settings_.listen.ssh.rfind(':') + 1);
    return {{"flake", folder.string()}, {"silo", settings_.platform.silo + (port == "22" || port == "0" ? "" : ":" + port)}};
}

// The order matters: the runtime is told where names are answered.
Task<void> Platform::open_providers(const Call &call) {
    json nothing = json::object();
    providers::HostGroup::sweep(id_);
    if (!Cgroup::available())
        log_warning("seedd", "each process of a plugin is limited by itself only, not a plugin as a whole: " + Cgroup::unavailable_reason());
    co_await open_storage(call);
    providers_["git"] = co_await open(call, "git", published_flake());
    providers_["dns"] = co_await open(call, "dns", nothing);
    dns::CheckReply answers = co_await providers_["dns"]->ask<dns::CheckReply>(call, "check", nothing);
    if (!answers.servers.empty()) dns_server_ = answers.servers.front();
    json facts = {{"platform", id_}, {"prefix6", prefix_}, {"zone", settings_.platform.domain}, {"dns", dns_server_}};
    providers_["runtime"] = co_await open(call, "runtime", facts);
    co_await providers_["runtime"]->call(call, "recover", nothing);
    runtime::CheckReply able = co_await providers_["runtime"]->ask<runtime::CheckReply>(call, "check", nothing);
    for (const auto &remark : able.remarks) log_info("seedd", "runtime: " + remark);
}

Task<void> Platform::open_rooms(const Call &call) {
    auto executor = context_.get_executor();
    fs::path state = settings_.platform.state;
    const auto &limits = settings_.limits;

    build::BuilderSettings building;
    building.state_directory = (state / "build").string();
    building.image_directory = (state / "images").string();
    building.platform = id_;
    building.evaluation_memory = limits.evaluation_memory;
    building.build_memory = limits.build_memory;
    building.store_bytes = limits.store_bytes;
    building.source_bytes = limits.source_bytes;
    building.evaluation_deadline = seconds(limits.evaluation_seconds);
    building.build_deadline = seconds(limits.build_seconds);
    building.parallel = limits.parallel_builds;
    building.allowed_inputs = settings_.builder.inputs;
    building.fetch_hosts = settings_.builder.hosts;
    building.fetch_bytes = limits.fetch_bytes;
    building.fetch_deadline = seconds(limits.fetch_seconds);
    building.substituters = settings_.builder.substituters;
    building.fixed_outputs = settings_.builder.fixed_outputs;
    building.addresses = settings_.builder.addresses;
    building.certificates = settings_.builder.ca_file;
    building.platform_host = settings_.platform.silo;
    building.platform_source = [this](Call asked, std::string repository, std::string revision, int write_fd) {
        return write_source(asked, repository, revision, write_fd);
    };
    building.share = [this](const std::string &ns) {
        auto flake = store_->flake_by_namespace(ns);
        return flake ? build::Share{flake->owner, settings_.quotas.of(flake->repository).builds} : build::Share{ns, 1};
    };
    building.evaluation_time = [this](const std::string &ns) {
        auto flake = store_->flake_by_namespace(ns);
        return seconds(flake ? settings_.quotas.of(flake->repository).evaluation_seconds : settings_.limits.evaluation_seconds);
    };
    builder_ = std::make_unique<build::NixBuilder>(executor, building);

    dns::EnsureZoneRequest zone;
    zone.zone = settings_.platform.domain + ".";
    zone.name_servers = {"ns1." + settings_.platform.domain + "."};
    co_await providers_["dns"]->call(call, "ensure_zone", zone);
    own_zones_ = std::make_shared<names::OwnZones>(store_.get());
    co_await take_over_records(call, zone.zone);
    records_ = std::make_unique<names::Records>(executor, providers_["dns"], zone.zone, "seed:" + id_, own_zones_);

    deploy::World world{.executor = executor, .store = *store_, .builder = *builder_, .records = *records_,
                        .runtime = providers_["runtime"], .git = providers_["git"], .storage = providers_["storage"],
                        .lookout = std::make_shared<deploy::Lookout>(executor, providers_["runtime"], providers_["storage"], *records_),
                        .domain = settings_.platform.domain, .prefix = prefix_, .node_address = prefix_.substr(0, prefix_.find("::")) + "::1",
                        .instances_per_flake = limits.instances_per_flake, .source_bytes = limits.source_bytes,
                        .quota = [this](const std::string &repository) { return settings_.quotas.of(repository); },
                        .shortage = [this] { return shortage(); },
                        .keep_generations = limits.keep_generations, .keep_deployments = limits.keep_deployments,
                        .ready_deadline = seconds(limits.ready_seconds)};
    world.events = events_.get();
    world.volume_place = [this](const std::string &volume) { return storages_->place_of(volume); };
    deployer_ = std::make_unique<deploy::Deployer>(std::move(world));
    access_ = std::make_unique<access::Access>(*store_, providers_["git"]);

    front::Hosting hosting;
    hosting.domain = settings_.platform.domain;
    hosting.silo = settings_.platform.silo;
    hosting.webhook_secrets = (state / "core/webhook-secrets").string();
    hosting.state_directory = settings_.platform.state;
    hosting.open_admission = settings_.admission == config::Admission::open;
    hosting.repositories_per_key = limits.repositories_per_key;
    hosting.pushes_per_minute = limits.pushes_per_minute;
    hosting.connections_per_key = limits.connections_per_key;
    hosting.pack_bytes = limits.pack_bytes;
    hosting.repository_bytes = limits.repository_bytes;
    api_ = std::make_unique<front::Api>(*deployer_, *access_, hosting);
    api_->set_providers(providers_);
    api_->set_metrics(&metrics_);
    api_->set_trace(&trace_);
    api_->set_provider_plan([this](const Call &asked) { return plan_providers(asked); });
    api_->set_former_provider([this](const std::string &plugin, const std::string &confirm) { return forget_former(plugin, confirm); });
    spawn_task(executor, "watch", deployer_->watch());
    spawn_task(executor, "heal", deployer_->heal_from_time_to_time());
}

// What flakes may route from.  The ports that the platform itself answers on are never theirs.
deploy::Ingress Platform::ingress() const {
    deploy::Ingress ingress{settings_.ingress.ipv4, settings_.ingress.ipv6_blocks, {}};
    auto port_of = [](const std::string &address) { return static_cast<uint16_t>(std::stoul(address.substr(address.rfind(':') + 1))); };
    for (const char *kind : {"tcp", "udp"})
        if (!dns_server_.empty()) ingress.own_ports.emplace(kind, port_of(dns_server_));
    for (const auto &[front, address] : {std::pair("ssh", settings_.listen.ssh), std::pair("http", settings_.listen.http), std::pair("metrics", settings_.listen.metrics)}) {
        if (!address.empty()) ingress.own_ports.emplace("tcp", port_of(address));
        if (front_->port(front) != 0) ingress.own_ports.emplace("tcp", front_->port(front));
    }
    return ingress;
}

// A repository of ours as an input of somebody's flake; everybody may read every repository.
Task<void> Platform::write_source(Call call, std::string repository, std::string revision, int write_fd) {
    git::FetchRequest request;
    request.repository = repository;
    request.commit = revision;
    request.limit_bytes = settings_.limits.source_bytes;
    providers::CallOptions options;
    options.descriptors.push_back(write_fd);
    co_await providers_["git"]->ask<git::FetchReply>(call, "fetch", request, options);
}

std::string Platform::shortage() const {
    std::error_code unknown;
    auto space = fs::space(settings_.platform.state, unknown);
    if (unknown || space.available >= settings_.limits.reserve_bytes) return {};
    return "the platform's disk is full (" + format_size(space.available) + " free, " + format_size(settings_.limits.reserve_bytes) + " are kept in reserve)";
}

// How seed-front reaches us, and what it is told to serve.
void Platform::open_front() {
    auto executor = context_.get_executor();
    front::FrontSettings settings;
    settings.version = SEED_VERSION;
    settings.addresses["ssh"] = front::parse_address(settings_.listen.ssh);
    settings.addresses["http"] = front::parse_address(settings_.listen.http);
    if (!settings_.listen.metrics.empty()) settings.addresses["metrics"] = front::parse_address(settings_.listen.metrics);
    settings.sockets = std::move(sockets_);
    settings.host_key_file = host_key_file_;
    settings.limits = {settings_.limits.connections, settings_.limits.connections_per_address};
    settings.keep_sockets = front_socket_.empty();
    auto serve = [this](UniqueFd control, front::ArrivalKind kind, const std::string &remote) {
        constexpr front::PeerKind kinds[] = {front::PeerKind::session, front::PeerKind::http, front::PeerKind::metrics};
        if (kind == front::ArrivalKind::session) log_debug("front", "a connection from " + remote);
        return api_->serve(std::move(control), kinds[static_cast<size_t>(kind)]);
    };
    front_ = std::make_unique<front::FrontLink>(executor, std::move(settings), serve);
    if (front_socket_.empty()) {
        front_child_ = std::make_unique<front::FrontChild>(executor, *front_);
        spawn_task(executor, "seed-front", front_child_->run());
        return;
    }
    front::LocalListener::Settings socket{front_socket_, "the socket of seed-front", uids::front};
    front_listener_ = std::make_unique<front::LocalListener>(executor, socket, [this](UniqueFd peer) { return front_->serve(std::move(peer)); });
    spawn_task(executor, "seed-front", front_listener_->run());
}

Task<void> Platform::listen(const Call &call) {
    open_front();
    auto executor = context_.get_executor();
    front::LocalListener::Settings socket{(fs::path(settings_.platform.state) / "seedd.sock").string(), "the operator's socket"};
    auto serve = [this](UniqueFd peer) { return api_->serve(std::move(peer), front::PeerKind::operator_); };
    operator_ = std::make_unique<front::LocalListener>(executor, socket, serve);
    spawn_task(executor, "operator", operator_->run());
    auto deadline = std::min(call.deadline(), Call::Clock::now() + seconds(30));
    if (!co_await front_->greeted_until(deadline))
        log_warning("seedd", "no seed-front has come: nobody is served over SSH or HTTP until one does" +
                                 std::string(front_socket_.empty() ? "" : "; see systemctl status seed-front"));
    deployer_->world().ingress = ingress();
}

// One line for whoever started us; ports may have been chosen by the system.
void Platform::announce() {
    unsigned ssh = front_->port("ssh"), http = front_->port("http"), metrics = front_->port("metrics");
    std::printf("ready ssh=127.0.0.1:%u http=127.0.0.1:%u domain=%s dns=%s", ssh, http, settings_.platform.domain.c_str(), dns_server_.c_str());
    if (metrics != 0) std::printf(" metrics=127.0.0.1:%u", metrics);
    std::printf("\n");
    std::fflush(stdout);
    front::tell_ready("serving " + settings_.platform.domain + ", ssh port " + std::to_string(ssh) + ", http port " + std::to_string(http));
}

Task<void> Platform::close(bool stop_instances) {
    log_info("seedd", stop_instances ? "stopping, with all instances" : "stopping; instances go on");
    if (operator_) operator_->stop();
    if (front_listener_) front_listener_->stop();
    if (front_) front_->stop();
    if (front_child_) front_child_->stop();
    if (deployer_) deployer_->stop();
    if (deployer_ && stop_instances) {
        try {
            Call call("end", minutes(2));
            co_await deployer_->end_all_instances(call);
        } catch (const std::exception &error) {
            log_warning("seedd", "instances may still run: " + std::string(error.what()));
        }
    }
    for (auto kind : {"runtime", "dns", "git", "storage"})
        if (auto provider = providers_.find(kind); provider != providers_.end()) provider->second->shut_down();
    for (auto &[kind, provider] : providers_)
        if (kind.starts_with("storage-")) provider->shut_down();   // twice is once
    // Hosts say goodbye to what they started (a managed DNS server, the network) before they end.
    co_await sleep_for(std::chrono::milliseconds(50));
}

}  // namespace seed::program
