#include "core/conformance/fault_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include <seed/util/failure.h>

namespace seed::conformance {

std::string_view name_of(Fault fault) {
    switch (fault) {
        case Fault::refuse: return "refuses";
        case Fault::hang: return "hangs";
        case Fault::reset: return "resets";
        case Fault::drip: return "drips";
        case Fault::too_many: return "answers-429";
        case Fault::broken: return "answers-500";
        case Fault::garbage: return "talks-garbage";
        case Fault::endless: return "never-stops";
    }
    return "";
}
std::string_view to_string(Fault fault) {
    switch (fault) {
        case Fault::refuse: return "refuses connections";
        case Fault::hang: return "hangs";
        case Fault::reset: return "resets connections";
        case Fault::drip: return "drips a byte at a time";
        case Fault::too_many: return "answers 429";
        case Fault::broken: return "answers 500";
        case Fault::garbage: return "talks garbage";
        case Fault::endless: return "never stops answering";
    }
    return "";
}
bool fault_is_slow(Fault fault) { return fault == Fault::hang || fault == Fault::drip; }

FaultServer::FaultServer(Fault fault) : fault_(fault) {
    listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) fail_errno("fault server");
    socklen_t size = sizeof address;
    getsockname(listener_.get(), reinterpret_cast<sockaddr *>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (fault_ == Fault::refuse) {   // bound, so that nobody else gets the port, and not listening
        connections_ = 1;
        return;
    }
    if (listen(listener_.get(), 64) != 0) fail_errno("fault server");
    wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { run(); });
}

FaultServer::~FaultServer() {
    if (!thread_.joinable()) return;
    uint64_t one = 1;
    [[maybe_unused]] auto written = write(wake_.get(), &one, sizeof one);
    thread_.join();
}

void FaultServer::run() {
    struct Client {
        UniqueFd socket;
        size_t sent = 0;
        bool asked = false;
    };
    static const std::string slow = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
    static const std::string filler(65536, 'x');
    std::vector<Client> clients;
    for (;;) {
        std::vector<pollfd> set = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
        for (const Client &client : clients) {
            bool floods = fault_ == Fault::endless && client.asked;
            set.push_back({client.socket.get(), static_cast<short>(POLLIN | (floods ? POLLOUT : 0)), 0});
        }
        poll(set.data(), set.size(), fault_ == Fault::drip ? 20 : -1);
        if (set[0].revents) return;
        for (size_t i = 0; i < clients.size(); ++i) {
            Client &client = clients[i];
            char buffer[4096];
            if (set[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) {
                if (read(client.socket.get(), buffer, sizeof buffer) <= 0) {
                    client.socket.reset();
                    continue;
                }
                if (!client.asked) serve(client.socket.get());
                client.asked = true;
                bool once = fault_ == Fault::reset || fault_ == Fault::too_many || fault_ == Fault::broken || fault_ == Fault::garbage;
                if (once) {
                    if (fault_ == Fault::reset) {
                        linger hard{1, 0};
                        setsockopt(client.socket.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
                    }
                    client.socket.reset();
                    continue;
                }
            }
            if (fault_ == Fault::drip && client.asked) {
                char next = client.sent < slow.size() ? slow[client.sent] : 'x';
                ++client.sent;
                if (send(client.socket.get(), &next, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) client.socket.reset();
            }
            if (fault_ == Fault::endless && client.asked && (set[i + 2].revents & POLLOUT)) {
                if (send(client.socket.get(), filler.data(), filler.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
                    client.socket.reset();
            }
        }
        std::erase_if(clients, [](const Client &client) { return !client.socket; });
        if (set[1].revents) {
            int client = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) {
                ++connections_;
                clients.push_back({UniqueFd(client)});
            }
        }
    }
}

// What is answered to the first bytes of a client.
void FaultServer::serve(int client) {
    auto say = [&](std::string_view text) {
        [[maybe_unused]] auto sent = send(client, text.data(), text.size(), MSG_NOSIGNAL);
    };
    switch (fault_) {
        case Fault::too_many:
            return say("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        case Fault::broken:
            return say("HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<h1>oops</h1>\r\n");
        case Fault::garbage:
            return say(std::string_view("\x00\xff\x80HTTP/9.9 \x1b[31m banana\n\n{\"a\":", 32));
        case Fault::endless:
            return say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[\"");
        default:
            return;
    }
}

}  // namespace seed::conformance
