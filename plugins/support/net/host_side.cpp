#include "plugins/support/net/host_side.h"

#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>
#include <seed/util/text.h>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "plugins/support/net/address.h"
#include "plugins/support/net/capabilities.h"
#include "plugins/support/net/links.h"

namespace seed::net {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

// pasta: the way out of the platform's namespace, through ordinary sockets of the host.  Its defaults would open the host's
// loopback to the guests: every mapping is switched off, and the gateway is nobody.
class Pasta {
public:
    void want(UniqueFd network_namespace) {
        namespace_ = std::move(network_namespace);
        start();
    }
    int words() const { return errors_.get(); }
    // What it says last is the reason when it ends.  Read at once: it must never wait for us.
    void listen_to_it() {
        char buffer[4096];
        for (;;) {
            const ssize_t count = errors_ ? read(errors_.get(), buffer, sizeof buffer) : 0;
            if (count <= 0) {
                if (count == 0) errors_.reset();
                return;
            }
            for (const std::string &line : split(std::string_view(buffer, size_t(count)), '\n'))
                if (!trim(line).empty() && line.find("syslog") == line.npos) words_ = printable(trim(line), 200);
        }
    }
    int pidfd() const { return process_ ? process_->pidfd() : -1; }
    // Milliseconds until it has to be started again; -1: nothing to do.
    int due() const {
        if (!restart_at_) return -1;
        return int(
            std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(*restart_at_ - Clock::now()).count()));
    }
    void tend() {
        if (process_)
            if (auto status = process_->wait(std::chrono::milliseconds(0))) {
                listen_to_it();
                remark_ =
                    "no way out for guests: pasta ended (" + status->to_string() + ")" + (words_.empty() ? "" : ": " + words_);
                process_.reset();
                delay_ = Clock::now() - started_ > std::chrono::seconds(30) ? first_delay : std::min(delay_ * 2, last_delay);
                restart_at_ = Clock::now() + delay_;
            }
        if (restart_at_ && Clock::now() >= *restart_at_) start();
    }
    json status() const { return {{"uplink", process_ ? "pasta" : "none"}, {"remark", remark_}}; }

private:
    static constexpr std::chrono::milliseconds first_delay{100}, last_delay{30000};

    void start() {
        restart_at_.reset();
        started_ = Clock::now();
        try {
            std::vector<std::string> arguments = {"pasta",        "-f",
                                                  "-q",           "-e",
                                                  "--config-net", "-t",
                                                  "none",         "-u",
                                                  "none",         "-T",
                                                  "none",         "-U",
                                                  "none",         "--no-map-gw",
                                                  "-I",           "up0",
                                                  "-a",           "192.0.2.2",
                                                  "-n",           "24",
                                                  "-g",           "192.0.2.1",
                                                  "-a",           "fd00:5eed:ffff::2",
                                                  "-g",           "fd00:5eed:ffff::1"};
            // Root's pasta cannot become nobody before it has entered a namespace of root's; it drops its capabilities and shuts
            // itself in (own mount, PID and IPC namespaces, empty root, seccomp) after that.
            if (geteuid() == 0) arguments.insert(arguments.end(), {"--runas", "0:0"});
            // By descriptor: pasta gives up the right to look into other processes before it opens the namespace.
            arguments.insert(arguments.end(), {"--netns-only", "--netns", "/proc/self/fd/9"});
            Pipe errors = make_pipe();
            set_nonblocking(errors.read.get(), true);
            process_ = Process::spawn(
                {.arguments = std::move(arguments), .descriptors = {{namespace_.get(), 9}, {errors.write.get(), 2}}});
            errors_ = std::move(errors.read);
            words_.clear();
            remark_.clear();
        } catch (const Failure &failure) {
            remark_ = std::string("no way out for guests: ") + failure.what() + "; install the package passt";
            delay_ = last_delay;
            restart_at_ = Clock::now() + delay_;
        }
    }

    UniqueFd namespace_, errors_;
    std::string words_;
    std::optional<Process> process_;
    std::optional<Clock::time_point> restart_at_;
    Clock::time_point started_;
    std::chrono::milliseconds delay_{first_delay};
    std::string remark_;
};

std::optional<Endpoint> host_resolver() {
    const auto text = read_file_if_exists("/etc/resolv.conf", 1u << 16);
    if (!text) return {};
    for (const std::string &line : split(*text, '\n')) {
        std::string_view rest = trim(line);
        if (!rest.starts_with("nameserver") || rest.size() < 12) continue;
        if (auto address = parse_address(trim(rest.substr(10)))) return Endpoint{*address, 53};
    }
    return {};
}

class HostProcess {
public:
    explicit HostProcess(UniqueFd control) : control_(std::move(control)) {}

    void serve() {
        for (;;) {
            pollfd polls[] = {
                {control_.get(), POLLIN, 0}, {edge_.get(), POLLIN, 0}, {pasta_.pidfd(), POLLIN, 0}, {pasta_.words(), POLLIN, 0}};
            if (poll(polls, 4, pasta_.due()) < 0 && errno != EINTR) fail_errno("poll");
            if (polls[0].revents && !answer_control()) return;
            if (edge_ && polls[1].revents) answer_edge();
            if (polls[3].revents) pasta_.listen_to_it();
            pasta_.tend();
        }
    }

private:
    bool answer_control() {
        auto frame = receive_frame(control_.get());
        if (!frame) return false;
        const json question = json::parse(frame->body);
        const std::string operation = question.at("op");
        UniqueFd given = frame->descriptors.empty() ? UniqueFd() : std::move(frame->descriptors[0]);
        json answer = {{"ok", true}};
        UniqueFd made;
        try {
            if (operation == "listen") made = listen_on(question);
            if (operation == "dns") zone_server_ = parse_endpoint(question.at("server").get<std::string>());
            if (operation == "edge") edge_ = std::move(given);
            if (operation == "uplink") pasta_.want(std::move(given));
            if (operation == "status") pasta_.tend(), answer = pasta_.status();
        } catch (const Failure &failure) {
            answer = {{"error", failure.what()}};
        }
        send_frame(control_.get(), answer.dump(), made ? std::vector<int>{made.get()} : std::vector<int>{});
        return true;
    }

    // A block of IPv6 addresses is routed to the host as a whole ("local"), and its addresses are nobody's one by one.
    static UniqueFd listen_on(const json &question) {
        const auto address = parse_address(question.at("address").get<std::string>());
        if (!address) throw Failure(Code::invalid, "no address to listen on");
        const Endpoint endpoint{*address, question.at("port")};
        return question.at("udp") ? bind_udp(endpoint, /*free_bind=*/address->six) : listen_tcp(endpoint, /*free_bind=*/address->six);
    }

    // What seed-edge may have: sockets connected to the two resolvers, nothing else.
    void answer_edge() {
        char kind = 0;
        const ssize_t count = recv(edge_.get(), &kind, 1, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return edge_.reset();
        if (count < 0) return;
        const bool zone = kind == char(Upstream::zone_udp) || kind == char(Upstream::zone_tcp);
        const bool udp = kind == char(Upstream::zone_udp) || kind == char(Upstream::host_udp);
        std::vector<UniqueFd> sockets;
        if (auto server = zone ? zone_server_ : host_resolver())
            for (size_t n = udp ? upstream_batch : 1; n > 0; --n) {
                UniqueFd socket(::socket(server->address.six ? AF_INET6 : AF_INET,
                                         (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
                SocketAddress address = to_socket_address(*server);
                if (!socket || (connect(socket.get(), address.get(), address.size) && errno != EINPROGRESS)) break;
                sockets.push_back(std::move(socket));
            }
        iovec part{&kind, 1};
        msghdr message{.msg_iov = &part, .msg_iovlen = 1};
        alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * upstream_batch)] = {};
        if (!sockets.empty()) {
            message.msg_control = space;
            message.msg_controllen = CMSG_SPACE(sizeof(int) * sockets.size());
            cmsghdr *head = CMSG_FIRSTHDR(&message);
            *head = {.cmsg_len = CMSG_LEN(sizeof(int) * sockets.size()), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
            for (size_t n = 0; n < sockets.size(); ++n) {
                const int number = sockets[n].get();
                memcpy(CMSG_DATA(head) + n * sizeof(int), &number, sizeof(int));
            }
        }
        if (sendmsg(edge_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) edge_.reset();
    }

    UniqueFd control_, edge_;
    Pasta pasta_;
    std::optional<Endpoint> zone_server_;
};

}  // namespace

HostSide HostSide::start() {
    SocketPair pair = make_socket_pair();
    const pid_t pid = pid_t(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    if (pid < 0) fail_errno("seed-net: a PID namespace for the host side");
    if (pid > 0) return {pid, std::move(pair.ours)};
    try {
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // a parent that died before this has closed the control socket, which ends serve()
        prctl(PR_SET_NAME, "seed-net-host");
        pair.ours.reset();
        // It cannot change the host's network; pasta, which has to configure its interface in ours, gets that back at exec.
        keep_capabilities({CAP_NET_BIND_SERVICE, CAP_KILL}, {CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP});
        HostProcess(std::move(pair.theirs)).serve();
        _exit(0);
    } catch (const std::exception &error) {
        dprintf(2, "seed-net: host side: %s\n", error.what());
        _exit(1);
    }
}

HostSide::HostSide(HostSide &&other) noexcept : pid_(std::exchange(other.pid_, 0)), control_(std::move(other.control_)) {}

HostSide::~HostSide() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);  // returns when the whole PID namespace is gone
}

json HostSide::ask(const json &question, int descriptor, UniqueFd *answer) {
    send_frame(control_.get(), question.dump(), descriptor >= 0 ? std::vector<int>{descriptor} : std::vector<int>{});
    auto frame = receive_frame(control_.get(), std::chrono::seconds(20));
    if (!frame) throw Failure(Code::unavailable, "the host side of seed-net has ended; start seed-net again");
    json reply = json::parse(frame->body);
    if (reply.contains("error")) throw Failure(Code::conflict, reply["error"].get<std::string>());
    if (answer) {
        if (frame->descriptors.size() != 1) throw Failure(Code::internal, "the host side of seed-net sent no socket");
        *answer = std::move(frame->descriptors[0]);
    }
    return reply;
}

UniqueFd HostSide::listen(const std::string &address, uint16_t port, bool udp) {
    UniqueFd socket;
    ask({{"op", "listen"}, {"address", address}, {"port", port}, {"udp", udp}}, -1, &socket);
    return socket;
}
void HostSide::set_dns_server(const std::string &server) {
    ask({{"op", "dns"}, {"server", server}}, -1, nullptr);
}
void HostSide::connect_edge(int channel) {
    ask({{"op", "edge"}}, channel, nullptr);
}
void HostSide::start_uplink(int network_namespace) {
    ask({{"op", "uplink"}}, network_namespace, nullptr);
}
json HostSide::status() {
    return ask({{"op", "status"}}, -1, nullptr);
}

}  // namespace seed::net
