#include "plugins/support/vm/network.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include <seed/util/file.h>
#include <seed/util/replace_file.h>
#include <seed/util/text.h>

#include "plugins/support/net/state_json.h"

namespace seed::vm {
namespace {

// Nobody on this host listens there now, neither with TCP nor with UDP: one number serves what is both.
bool is_free(uint16_t port) {
    for (int type : {SOCK_STREAM, SOCK_DGRAM}) {
        UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        int one = 1;  // connections that ended a moment ago do not count
        if (type == SOCK_STREAM) setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address)) return false;
    }
    return true;
}

constexpr size_t most_resting = 1000;  // ports remembered of services that are not published

std::string forward_key(const std::string &instance, uint16_t port) {
    return instance + " " + std::to_string(port);
}

template <typename T>
T read_record(const std::filesystem::path &path) {
    auto text = read_file_if_exists(path);
    return text ? from_json_text<T>(*text, path.filename().string()) : T{};
}

}  // namespace

Network::Network(NetworkSettings settings, const plugin::Host &host) : settings_(std::move(settings)), host_(host) {
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(settings_.state / "services", ignored)) {
        try {
            if (entry.path().extension() == ".json") read_record<runtime::PublishRequest>(entry.path());
        } catch (const Failure &failure) {
            host_.log(SEED_WARN, std::string("removing a publication that is not whole, it comes again: ") + failure.what());
            std::filesystem::remove(entry.path(), ignored);
        }
    }
}

json Network::ensure(const std::vector<Machine> &machines) {
    NetClient net(socket());
    pid_ = 0;
    auto greet = [&] {
        json greeting = net.hello();
        pid_ = greeting.value("pid", int64_t{0});
        return greeting;
    };
    try {
        return greet();
    } catch (const Failure &error) {
        if (error.code() != Code::unavailable && error.code() != Code::not_found) throw;
    }
    std::filesystem::path folder = settings_.state / "net";
    make_directory(folder, 0700);
    SpawnOptions options;
    options.arguments = {(program_directory() / "seed-net").string(), "--state", folder.string()};
    for (const Machine &machine : machines)
        if (machine.alive && machine.supervisor && !machine.spec.tap.empty()) {  // it lives in the namespace: nothing breaks
            options.arguments.insert(options.arguments.end(), {"--adopt", std::to_string(machine.supervisor->pid)});
            break;
        }
    options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    options.outlive_parent = true;
    UniqueFd complaints = open_file(folder / "seed-net.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    options.descriptors = {{complaints.get(), 2}};
    Process process = Process::spawn(options);
    host_.log(SEED_INFO, "started seed-net");
    // The first time the kernel loads a dozen modules for it; on an emulated machine that takes more than 20 s.
    constexpr auto patience = std::chrono::seconds(90);
    auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        try {
            return greet();
        } catch (const Failure &error) {
            bool ended = !ProcessIdentity::of(process.pid());
            if (!ended && std::chrono::steady_clock::now() < deadline) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
                continue;
            }
            std::string words = printable(trim(read_file(folder / "seed-net.log").substr(0, 500)), 500);
            if (words.empty())
                words = ended ? "seed-net ended without a word; see the kernel's log"
                              : "seed-net does not answer after " + std::to_string(patience.count()) + " s; is the machine overloaded?";
            throw Failure(Code::unavailable, "the network cannot be started: " + words, 2000);
        }
    }
}

std::vector<runtime::PublishRequest> Network::publications() const {
    std::vector<runtime::PublishRequest> result;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(settings_.state / "services", ignored))
        if (entry.path().extension() == ".json")
            result.push_back(from_json_text<runtime::PublishRequest>(read_file(entry.path()), entry.path().filename().string()));
    std::sort(result.begin(), result.end(), [](auto &a, auto &b) { return a.ns < b.ns; });
    return result;
}

std::map<std::string, uint16_t> Network::forward_ports() const {
    return read_record<std::map<std::string, uint16_t>>(settings_.state / "forwards.json");
}

uint32_t Network::tenant(const std::string &ns) {
    auto tenants = read_record<std::map<std::string, uint32_t>>(settings_.state / "tenants.json");
    if (auto found = tenants.find(ns); found != tenants.end()) return found->second;
    uint32_t highest = 0;
    for (const auto &[name, number] : tenants) highest = std::max(highest, number);
    tenants[ns] = highest + 1;  // never again given to somebody else: rules for a number may outlive its owner
    write_file_atomically(settings_.state / "tenants.json", to_json_text(tenants), 0600);
    return highest + 1;
}

uint16_t Network::choose_port(std::map<std::string, uint16_t> &ports, const std::function<bool(const std::string &)> &rests) const {
    std::map<uint16_t, std::string> taken;
    for (const auto &[key, port] : ports) taken[port] = key;
    uint32_t count = settings_.first_port ? settings_.last_port - settings_.first_port + 1u : 0;
    // From a random place on: platforms that share a host and a range rarely try the same port.
    uint32_t from = count ? static_cast<uint32_t>(std::random_device{}()) % count : 0;
    for (bool from_who_rests : {false, true})
        for (uint32_t tried = 0; tried < count; ++tried) {
            auto port = static_cast<uint16_t>(settings_.first_port + (from + tried) % count);
            auto owner = taken.find(port);
            if (from_who_rests != (owner != taken.end()) || (from_who_rests && !rests(owner->second)) || !is_free(port)) continue;
            if (from_who_rests) ports.erase(owner->second);
            return port;
        }
    return 0;
}

void Network::publish(const runtime::PublishRequest &request) {
    auto ports = forward_ports(), before = ports;
    auto keys_of = [](const runtime::PublishRequest &publication) {
        std::set<std::string> keys;
        for (const runtime::Service &service : publication.services)
            for (const runtime::Expose &expose : service.expose) keys.insert(forward_key(service.instance, expose.port));
        return keys;
    };
    std::set<std::string> wanted = keys_of(request), served, others;
    for (const runtime::PublishRequest &publication : publications()) (publication.ns == request.ns ? served : others).merge(keys_of(publication));

    // A service that rests keeps its port, so that its URL is the same when it returns; unless another program listens there by then.
    std::erase_if(ports, [&](const auto &entry) { return wanted.contains(entry.first) && !served.contains(entry.first) && !is_free(entry.second); });
    auto rests = [&](const std::string &key) { return !wanted.contains(key) && !others.contains(key); };
    auto resting = static_cast<size_t>(std::count_if(ports.begin(), ports.end(), [&](const auto &entry) { return rests(entry.first); }));
    for (auto entry = ports.begin(); resting > most_resting && entry != ports.end();)
        entry = rests(entry->first) ? (--resting, ports.erase(entry)) : std::next(entry);
    for (const std::string &key : wanted)
        if (!ports.contains(key))
            if (uint16_t port = choose_port(ports, rests)) ports[key] = port;
    make_directory(settings_.state / "services", 0700);
    std::filesystem::path path = settings_.state / "services" / (escape(request.ns) + ".json");
    std::string record = request.services.empty() ? "" : to_json_text(request);
    if (ports == before && read_file_if_exists(path).value_or("") == record) return;
    if (request.services.empty())
        std::filesystem::remove(path);
    else
        replace_file(path, record, 0600);
    if (ports != before) write_file_atomically(settings_.state / "forwards.json", to_json_text(ports), 0600);
}

std::vector<runtime::Forward> Network::forwards(const std::string &ns) const {
    std::vector<runtime::Forward> result;
    auto ports = forward_ports();
    for (const runtime::PublishRequest &publication : publications()) {
        if (publication.ns != ns) continue;
        for (const runtime::Service &service : publication.services)
            for (const runtime::Expose &expose : service.expose) {
                auto port = ports.find(forward_key(service.instance, expose.port));
                if (port == ports.end()) continue;
                if (carries_tcp(expose)) result.push_back({service.instance, expose.port, port->second, false});
                if (carries_udp(expose)) result.push_back({service.instance, expose.port, port->second, true});
            }
    }
    return result;
}

Network::Listening Network::listening(const std::vector<Machine> &machines) {
    Listening result;
    for (const Machine &machine : machines)
        if (machine.alive && !(machine.state.ipv4_only.empty() && machine.state.ipv4_only_udp.empty()))
            result[machine.spec.boot.handle] = {machine.state.ipv4_only, machine.state.ipv4_only_udp};
    return result;
}

void Network::quit() {
    try {
        NetClient(socket()).quit();
    } catch (const Failure &error) {
        if (error.code() != Code::unavailable && error.code() != Code::not_found) throw;
    }
}

std::vector<runtime::RouteReport> Network::routes(const runtime::PublishRequest &request, const std::vector<NetRefusal> &refused) {
    std::vector<runtime::RouteReport> reports;
    for (const runtime::Service &service : request.services)
        for (const runtime::Route &route : service.routes) {
            runtime::RouteReport report{service.instance, route.name, route.udp, true, ""};
            for (const NetRefusal &one : refused)
                if (one.listen == route.address && one.host_port == route.host_port && one.udp == route.udp) {
                    report.ok = false;
                    report.reason = one.reason;
                }
            reports.push_back(std::move(report));
        }
    return reports;
}

std::vector<NetRefusal> Network::apply(const std::vector<Machine> &machines, Unchanged unchanged) {
    NetworkState state;
    state.prefix6 = settings_.prefix6;
    state.zone = settings_.zone;
    state.dns_server = settings_.dns;
    std::map<std::string, const Machine *> by_handle;
    for (const Machine &machine : machines) {
        by_handle[machine.spec.boot.handle] = &machine;
        if (machine.wants_network())
            state.vms.push_back({machine.spec.tap, machine.spec.tenant, machine.spec.address6, machine.spec.address4});
    }
    auto ports = forward_ports();
    for (const runtime::PublishRequest &publication : publications())
        for (const runtime::Service &service : publication.services) {
            NetService entry;
            entry.tenant = tenant(publication.ns);
            entry.address = service.address;
            const Machine *machine = nullptr;
            if (auto found = by_handle.find(service.handle);
                found != by_handle.end() && found->second->alive && found->second->wants_network())
                machine = found->second;
            if (machine) {
                entry.address6 = machine->spec.address6;
                entry.address4 = machine->spec.address4;
            }
            for (const runtime::Expose &expose : service.expose) {
                auto forward = ports.find(forward_key(service.instance, expose.port));
                for (bool udp : {false, true}) {
                    if (!(udp ? carries_udp(expose) : carries_tcp(expose))) continue;
                    entry.ports.push_back({expose.port, udp, machine && machine->listens_on_ipv4_only(expose, udp)});
                    if (forward != ports.end()) state.forwards.push_back({forward->second, service.address, expose.port, udp});
                }
            }
            for (const runtime::Route &route : service.routes)
                state.forwards.push_back({route.host_port, service.address, route.port, route.udp, route.address});
            entry.names = service.names;
            std::string name = service.instance.substr(service.instance.find('/') + 1) + "." + publication.ns;
            for (const std::string &full : {name, state.zone.empty() ? name : name + "." + state.zone})
                if (!std::count(entry.names.begin(), entry.names.end(), full)) entry.names.push_back(full);
            state.services.push_back(std::move(entry));
        }
    applied_ = listening(machines);
    std::pair<int64_t, std::string> now = {pid_, net::to_json(state).dump()};
    if (unchanged == Unchanged::skip && pid_ != 0 && now == taken_) return {};
    taken_ = {};
    std::vector<NetRefusal> refused;
    std::vector<std::string> remarks = NetClient(socket()).apply(state, &refused);
    for (const std::string &remark : remarks) host_.log(SEED_WARN, "network: " + remark);
    if (refused.empty() && remarks.empty()) taken_ = std::move(now);   // a port that somebody else has may be free the next time
    return refused;
}

}  // namespace seed::vm
