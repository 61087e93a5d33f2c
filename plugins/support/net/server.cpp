#include "plugins/support/net/server.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/replace_file.h>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "plugins/support/net/conntrack.h"
#include "plugins/support/net/links.h"
#include "plugins/support/net/rules.h"
#include "plugins/support/net/state_json.h"

namespace seed::net {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds tap_patience(5), peer_patience(5);
constexpr std::chrono::milliseconds tap_pause(10), directory_pause(500);
constexpr size_t client_limit = 64;

void answer(int socket, const json &body, const std::vector<int> &descriptors = {}) {
    try {
        send_frame(socket, body.dump(), descriptors);
    } catch (const Failure &) {  // the asker is gone: nobody to tell
    }
}

void answer_failure(int socket, const Failure &failure) {
    answer(socket,
           {{"id", 1},
            {"error",
             {{"code", to_string(failure.code())}, {"text", failure.what()}, {"retry_after_ms", failure.retry_after_ms()}}}});
}

std::pair<uint64_t, uint64_t> inode_of(const std::filesystem::path &path) {
    struct stat status {};
    if (stat(path.c_str(), &status)) return {};
    return {status.st_dev, status.st_ino};
}

LiveConnections live_in(const NetworkState &state) {
    LiveConnections live{.prefix = Prefix(state.prefix6)};
    for (const NetVm &vm : state.vms) live.boots.insert({*parse_address6(vm.address6), *parse_address4(vm.address4)});
    for (const NetService &service : state.services)
        for (const NetPort &port : service.ports)
            live.exposed.insert({*parse_address6(service.address), uint8_t(port.udp ? IPPROTO_UDP : IPPROTO_TCP), port.port});
    for (const NetService &service : state.services)
        for (const NetPort &port : service.ports)
            if (port.udp && !port.ipv4_only && !service.address6.empty())
                live.udp_boots[{*parse_address6(service.address), port.port}] = *parse_address6(service.address6);
    return live;
}

}  // namespace

Server::Server(ServerSettings settings, HostSide host)
    : settings_(std::move(settings)), host_(std::move(host)), edge_(host_, !settings_.user) {
    inode_ = inode_of(settings_.directory);
    const auto remembered = settings_.directory / "net-state.json";
    prepare_namespace();
    if (settings_.adopted) {
        // Forwards, IPv4-only guests and names must work again before the runtime has gathered itself.
        if (auto text = read_file_if_exists(remembered)) try {
                apply(state_from_json(json::parse(*text)));
            } catch (const std::exception &error) {
                dprintf(2, "seed-net: ignoring %s: %s\n", remembered.c_str(), error.what());
            }
    } else {
        unlink(remembered.c_str());
    }
    if (settings_.uplink) {
        UniqueFd here = open_file("/proc/self/ns/net", O_RDONLY);
        host_.start_uplink(here.get());
    }
    edge_.tend();
    listener_ = listen_unix(settings_.directory / "net.sock", 0600);
}

bool Server::directory_is_ours() const {
    return inode_of(settings_.directory) == inode_;
}

void Server::serve() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    UniqueFd ending(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    while (!quit_ && directory_is_ours()) {
        std::vector<pollfd> polls = {{listener_.get(), short(clients_.size() < client_limit ? POLLIN : 0), 0},
                                     {ending.get(), POLLIN, 0},
                                     {host_.descriptor(), POLLIN, 0},
                                     {edge_.pidfd(), POLLIN, 0}};
        int pause = directory_pause.count();
        if (edge_.due() >= 0) pause = std::min(pause, edge_.due());
        for (const Client &client : clients_) {
            polls.push_back({client.socket.get(), POLLIN, 0});
            if (client.tap) pause = std::min<int>(pause, tap_pause.count());
        }
        if (poll(polls.data(), polls.size(), pause) < 0 && errno != EINTR) fail_errno("poll");
        if (polls[1].revents) break;
        if (polls[2].revents) throw Failure(Code::unavailable, "the host side has ended");
        edge_.tend();
        for (size_t n = 0; n < clients_.size(); ++n) {
            Client &client = clients_[n];
            if (client.tap) {
                if (polls[4 + n].revents)
                    client.socket.reset();  // lost interest
                else
                    try_tap(client);
            } else if (polls[4 + n].revents) {
                take_request(client);
            }
        }
        if (polls[0].revents)
            if (UniqueFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)}) {
                timeval patience{.tv_sec = peer_patience.count()};
                setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
                clients_.push_back({std::move(socket), {}, {}});
            }
        std::erase_if(clients_, [](const Client &client) { return !client.socket; });
    }
    if (directory_is_ours()) {
        unlink((settings_.directory / "net-state.json").c_str());
        unlink((settings_.directory / "net.sock").c_str());
    }
}

// One request per connection; the connection ends with its answer, unless it waits for a tap.
void Server::take_request(Client &client) {
    const int socket = client.socket.get();
    try {
        auto frame = receive_frame(socket, peer_patience);
        if (!frame) return client.socket.reset();
        const json request = json::parse(frame->body);
        const std::string operation = request.at("op");
        const json arguments = request.value("args", json::object());
        json ok = json::object();
        std::vector<UniqueFd> descriptors;
        if (operation == "hello") {
            ok = hello();
        } else if (operation == "tap") {
            TapRequest tap = tap_from_json(arguments);
            check(tap);
            check_against_state(tap);
            silence(tap);
            client.tap = std::move(tap);
            client.deadline = Clock::now() + tap_patience;
            return try_tap(client);
        } else if (operation == "namespaces") {
            if (settings_.user) descriptors.push_back(open_file("/proc/self/ns/user", O_RDONLY));
            descriptors.push_back(open_file("/proc/self/ns/net", O_RDONLY));
        } else if (operation == "apply") {
            ok = apply(state_from_json(arguments));
        } else if (operation == "connections") {
            std::set<Address> boot;
            for (const char *name : {"address6", "address4"})
                if (auto address = parse_address(arguments.at(name).get<std::string>())) boot.insert(*address);
            ok["count"] = count_connections(boot);
        } else if (operation == "quit") {
            quit_ = true;
        } else {
            throw Failure(Code::unsupported, "seed-net does not know '" + operation + "'");
        }
        std::vector<int> numbers;
        for (const auto &descriptor : descriptors) numbers.push_back(descriptor.get());
        answer(socket, {{"id", 1}, {"ok", ok}}, numbers);
    } catch (const Failure &failure) {
        answer_failure(socket, failure);
    } catch (const std::exception &error) {
        answer_failure(socket, Failure(Code::invalid, std::string("malformed request: ") + error.what()));
    }
    client.socket.reset();
}

void Server::try_tap(Client &client) {
    try {
        if (UniqueFd tap = make_tap(*client.tap)) {
            answer(client.socket.get(), {{"id", 1}, {"ok", json::object()}}, {tap.get()});
        } else if (Clock::now() < client.deadline) {
            return;
        } else {
            throw Failure(Code::conflict, "tap " + client.tap->name + " is still held by another process; end it, then ask again",
                          1000);
        }
    } catch (const Failure &failure) {
        answer_failure(client.socket.get(), failure);
    }
    client.socket.reset();
}

// The routes of a tap lead its addresses to it: they must be ours to give and not those of somebody who lives.
void Server::check_against_state(const TapRequest &request) const {
    const auto six = parse_address6(request.address6), four = parse_address4(request.address4);
    if (!state_.prefix6.empty() && !Prefix(state_.prefix6).holds_boot(*six))
        throw Failure(Code::invalid,
                      "address6 '" + request.address6 + "': must be in " + state_.prefix6 + ", outside its subnets 0 and 1");
    for (const NetVm &vm : state_.vms)
        if (vm.tap != request.name && (parse_address6(vm.address6) == six || parse_address4(vm.address4) == four))
            throw Failure(Code::conflict, "the addresses of tap " + request.name + " belong to " + vm.tap + "; choose others");
}

// A name that served somebody else must not send as that one until the next apply().
void Server::silence(const TapRequest &request) {
    const auto found =
        std::find_if(state_.vms.begin(), state_.vms.end(), [&](const NetVm &vm) { return vm.tap == request.name; });
    if (found == state_.vms.end()) return;
    if (found->tenant == request.tenant && parse_address6(found->address6) == parse_address6(request.address6) &&
        parse_address4(found->address4) == parse_address4(request.address4))
        return;
    NetworkState state = state_;
    state.vms.erase(state.vms.begin() + (found - state_.vms.begin()));
    apply(std::move(state));
}

json Server::apply(NetworkState state) {
    state = check(std::move(state));
    // 1. Routes, listeners: additions only.  2. The rules, in one transaction.  3. Removals.
    if (state.prefix6 != state_.prefix6) {
        route_prefix(Prefix(state.prefix6));
        if (!state_.prefix6.empty()) unroute_prefix(Prefix(state_.prefix6));
    }
    EdgeLink::Opened opened = edge_.open_listeners(state);
    if (std::string rules = render_rules(state); rules != rules_) {
        try {
            load_rules(rules);
        } catch (const Failure &) {
            if (!rules_.empty()) throw;
            load_rules("delete table inet seed\n" + rules);   // one that another version made, with sets or chains of other kinds
        }
        rules_ = std::move(rules);
    }
    edge_.configure(state);
    LiveConnections live = live_in(state);
    if (!live_ || may_leave_dead(*live_, live)) {
        live_.reset();
        forget_dead_connections(live);
    }
    live_ = std::move(live);
    state_ = std::move(state);
    replace_file(settings_.directory / "net-state.json", to_json(state_).dump(), 0600);   // for the one after us, if we are killed
    json refused = json::array();
    for (const NetRefusal &one : opened.refused)
        refused.push_back({{"listen", one.listen}, {"host_port", one.host_port}, {"udp", one.udp}, {"reason", one.reason}});
    return {{"remarks", opened.remarks}, {"refused", refused}};
}

json Server::hello() {
    json remarks = json::array(),
         uplink = {{"uplink", "none"}, {"remark", settings_.uplink ? "" : "switched off by --uplink none"}};
    if (settings_.uplink) {
        uplink = host_.status();
        if (uplink["uplink"] == "pasta" && !if_nametoindex("up0")) uplink = {{"uplink", "none"}, {"remark", "pasta is starting"}};
    }
    if (uplink["remark"] != "") remarks.push_back(uplink["remark"]);
    return {{"version", SEED_VERSION},    {"pid", getpid()},
            {"edge_pid", edge_.pid()},    {"host_pid", host_.pid()},
            {"user", settings_.user},     {"adopted", settings_.adopted},
            {"uplink", uplink["uplink"]}, {"remarks", remarks},
            {"resolver4", resolver4},     {"resolver6", state_.prefix6.empty() ? "" : Prefix(state_.prefix6).resolver().text()}};
}

}  // namespace seed::net
