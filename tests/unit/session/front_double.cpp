// A test double of seedd for tests of seed-session: accepts SSH connections, starts the real seed-session for each and answers
// its requests; git conversations are carried by the real git-silo.  No rights are checked.
//
//   front_double STATE HOST_KEY SESSION HOOK     prints its port; one JSON object per line about what happens; ends with its
//   stdin
//
// A push to the repository "slow" gets a report that stays open until its asker is gone.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>
#include <cstdio>
#include <mutex>
#include <thread>

#include "plugins/git-silo/silo.h"

namespace {

using namespace seed;

std::mutex printing;
void tell(const json &event) {
    std::lock_guard lock(printing);
    std::printf("%s\n", event.dump().c_str());
    std::fflush(stdout);
}

seed_text text(const std::string &s) {
    return {s.data(), s.size()};
}

// The core's side of one call of the provider.
struct CoreCall : seed_call {
    std::string name = "git";
    std::vector<int> descriptors;
    std::function<void(const json &)> on_reply;
    explicit CoreCall(std::vector<int> fds, int cancel) : seed_call{}, descriptors(std::move(fds)) {
        size = sizeof(seed_call);
        id = request_id = text(name);
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        deadline_ns = (now.tv_sec + 600) * 1000000000ll;
        cancel_fd = cancel;
        fd_count = uint32_t(descriptors.size());
        seed_call::fds = descriptors.data();
    }
};

seed_host make_host(const std::string &state) {
    seed_host host{};
    host.size = sizeof host;
    host.log = [](const seed_host *, seed_level, seed_text message) {
        std::fprintf(stderr, "%.*s\n", int(message.size), message.data);
    };
    host.extension = [](const seed_host *, const char *) -> const void * { return nullptr; };
    host.progress = [](const seed_call *, int32_t, seed_text) {};
    host.reply = [](const seed_call *call, seed_text body) {
        auto &self = *static_cast<const CoreCall *>(call);
        if (self.on_reply) self.on_reply(json::parse(std::string(body.data, body.size)));
    };
    host.attach = [](const seed_call *, int) { return -1; };
    host.fail = [](const seed_call *, seed_code code, int64_t, seed_text) { return code; };
    host.state_dir = text(state);
    return host;
}

struct Platform {
    std::string state;
    seed_host c_host;
    plugin::Host host;
    silo::Silo silo;
    Platform(std::string s, const std::string &hook)
        : state(std::move(s)), c_host(make_host(state)), host(&c_host), silo(host, json{{"hook", hook}}) {}
};

class Asker {
public:
    Asker(Platform &platform, UniqueFd socket)
        : platform_(platform), socket_(std::move(socket)), cancel_(::eventfd(0, EFD_CLOEXEC)) {}

    void serve() {
        try {
            while (auto frame = receive_frame(socket_.get())) take(std::make_shared<Frame>(std::move(*frame)));
        } catch (const Failure &failure) {
            tell({{"event", "broken"}, {"why", failure.what()}});
        }
        uint64_t one = 1;
        (void)!::write(cancel_.get(), &one, sizeof one);
        for (auto &worker : workers_) worker.join();
        tell({{"event", "gone"}});
    }

private:
    void send(const json &body) {
        std::lock_guard lock(sending_);
        try {
            send_frame(socket_.get(), body.dump());
        } catch (const Failure &) {
        }
    }

    void take(std::shared_ptr<Frame> frame) {
        json request = json::parse(frame->body);
        if (request.contains("cancel")) {
            tell({{"event", "cancel"}});
            uint64_t one = 1;
            (void)!::write(cancel_.get(), &one, sizeof one);
            return;
        }
        std::string op = request["op"];
        json id = request["id"], args = request["args"];
        if (op == "hello") {
            key_ = args["key"];
            tell({{"event", "hello"}, {"key", args["key"]}, {"fingerprint", args["fingerprint"]}});
            send({{"id", id}, {"ok", json::object()}});
        } else if (op == "git") {
            workers_.emplace_back([this, frame, id, args] { serve_git(*frame, id, args); });
        } else if (op == "whoami") {
            send({{"id", id}, {"ok", {{"key", key_}, {"fingerprint", "SHA256:x"}, {"repositories", json::array()}}}});
        } else if (op == "logs") {
            int lines = args["lines"];
            for (int i = 0; i < lines; ++i)
                send({{"id", id},
                      {"item", {{"time_ms", 1000 * i}, {"boot", "b"}, {"text", "line " + std::to_string(i) + "\x1b[0m"}}}});
            if (!args["follow"].get<bool>()) send({{"id", id}, {"ok", json::object()}});
        } else if (op == "status") {
            json instance = {{"name", "web"},
                             {"state", "ready"},
                             {"address", "fd00::1"},
                             {"urls", {"http://web.example"}},
                             {"uptime_ms", 61000}};
            send({{"id", id},
                  {"ok",
                   {{"platform", {{"silo", "localhost"}}},
                    {"flakes", {{{"repository", "app"}, {"role", "owner"}, {"instances", {instance}}}}}}}});
        } else {
            send({{"id", id}, {"error", {{"code", "not_found"}, {"text", "there is no instance 'web'"}}}});
        }
    }

    void serve_git(Frame &frame, const json &id, const json &args) {
        git::ServeRequest request;
        request.repository = args["repository"];
        request.service = args["service"];
        request.protocol = args["protocol"];
        request.pack_limit_bytes = 200u << 20;
        Pipe report = make_pipe();
        CoreCall call(
            {frame.descriptors.at(0).get(), frame.descriptors.at(1).get(), frame.descriptors.at(2).get(), report.read.get()},
            cancel_.get());
        call.on_reply = [&](const json &item) {
            tell({{"event", "item"}, {"item", item}});
            if (!item.contains("updated")) return;
            write_all(report.write.get(), "received by the platform\n");
            if (request.repository == "slow") return;
            write_all(report.write.get(), "\x1b[31mdeployed\n");
            report.write.reset();
        };
        plugin::Call typed(&platform_.c_host, &call);
        json answer;
        try {
            if (request.service == "receive-pack") platform_.silo.create(typed, {request.repository});
            auto reply = platform_.silo.serve(typed, request);
            answer = {{"id", id}, {"ok", {{"exit_code", reply.exit_code}}}};
        } catch (const Failure &failure) {
            answer = {{"id", id}, {"error", {{"code", std::string(to_string(failure.code()))}, {"text", failure.what()}}}};
        }
        frame.descriptors.clear();
        tell({{"event", "git-end"}, {"answer", answer}});
        send(answer);
    }

    Platform &platform_;
    UniqueFd socket_, cancel_;
    std::mutex sending_;
    std::string key_;
    std::vector<std::thread> workers_;
};

void serve_connection(Platform &platform, UniqueFd client, const std::string &session, const std::string &key_file, uid_t uid) {
    SocketPair frames = make_socket_pair();
    UniqueFd key = open_file(key_file, O_RDONLY);
    SpawnOptions options;
    options.arguments = {session};
    options.descriptors = {{client.get(), 3}, {frames.theirs.get(), 4}, {key.get(), 5}, {STDERR_FILENO, 2}};
    options.cage = Cage{};
    options.cage->uid = uid;
    options.cage->network = false;
    Process process = Process::spawn(options);
    tell({{"event", "session"}, {"pid", process.pid()}});
    client.reset();
    frames.theirs.reset();
    Asker(platform, std::move(frames.ours)).serve();
    ExitStatus status = process.wait();
    tell({{"event", "session-end"}, {"code", status.code}});
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    ::signal(SIGPIPE, SIG_IGN);
    Platform platform(argv[1], argv[4]);
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener.get(), reinterpret_cast<sockaddr *>(&address), size) || ::listen(listener.get(), 64)) return 1;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &size);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    std::thread([] {
        char c;
        while (::read(STDIN_FILENO, &c, 1) > 0) {
        }
        ::_exit(0);  // every child dies with us
    }).detach();
    for (uid_t next = 0;; ++next) {
        UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) continue;
        std::thread([&platform, client = std::make_shared<UniqueFd>(std::move(client)), argv, next] {
            try {
                serve_connection(platform, std::move(*client), argv[3], argv[2], uids::session_base + next % 1000);
            } catch (const std::exception &error) {
                tell({{"event", "error"}, {"why", error.what()}});
            }
        }).detach();
    }
}
