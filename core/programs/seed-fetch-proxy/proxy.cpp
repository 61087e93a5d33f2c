#include "core/programs/seed-fetch-proxy/proxy.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <array>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/base/timer.h"
#include "core/programs/seed-fetch-proxy/connect_request.h"

namespace seed::fetch {
namespace {

using asio::ip::tcp;

void close(tcp::socket &socket) {
    boost::system::error_code ignored;
    socket.close(ignored);
}

// Closes a socket when the time has come, unless it is gone before.
class Limit {
public:
    Limit(tcp::socket &socket, std::chrono::seconds patience)
        : timer_(socket.get_executor(), patience), state_(std::make_shared<State>()) {
        timer_.async_wait([&socket, state = state_](const boost::system::error_code &error) {
            if (error || state->over) return;  // over: it waited to run when we went
            state->late = true;
            close(socket);
        });
    }
    ~Limit() { state_->over = true; }
    bool late() const { return state_->late; }

private:
    struct State {
        bool over = false, late = false;
    };
    asio::steady_timer timer_;
    std::shared_ptr<State> state_;
};

}  // namespace

struct Proxy::Tunnel {
    Tunnel(tcp::socket from, tcp::socket to, std::string name) : box(std::move(from)), outside(std::move(to)), text(std::move(name)) {}
    tcp::socket box, outside;
    std::string text;
    std::chrono::steady_clock::time_point moved = std::chrono::steady_clock::now();
    bool over = false;
    void end() {
        over = true;
        close(box);
        close(outside);
    }
};

Task<void> Proxy::accept_all(tcp::acceptor acceptor) {
    for (;;) {
        boost::system::error_code error;
        tcp::socket client(acceptor.get_executor());
        auto completion = asio::redirect_error(asio::use_awaitable, error);
        co_await acceptor.async_accept(client, completion);
        if (error == asio::error::operation_aborted) co_return;
        if (error) {
            co_await sleep_for(std::chrono::milliseconds(50));
            continue;
        }
        if (open_ >= limits_.connections) continue;  // closes it
        spawn_task(acceptor.get_executor(), "tunnel", serve(std::move(client)));
    }
}

Task<void> Proxy::serve(tcp::socket client) {
    ++open_;
    std::shared_ptr<void> counted(nullptr, [this](void *) { --open_; });
    std::string bytes, refusal, name = "?";
    std::shared_ptr<Tunnel> tunnel;
    try {
        std::optional<ConnectRequest> request;
        {
            Limit limit(client, std::chrono::seconds(10));
            while (!(request = parse_connect(bytes))) {
                std::array<char, 2048> chunk;
                boost::system::error_code error;
                auto completion = asio::redirect_error(asio::use_awaitable, error);
                auto buffer = asio::buffer(chunk);
                size_t count = co_await client.async_read_some(buffer, completion);
                if (error) co_return;
                bytes.append(chunk.data(), count);
            }
        }
        name = request->target.text();
        Target target = request->target;
        std::vector<tcp::endpoint> endpoints = co_await gate_.endpoints(target);
        tcp::socket outside = co_await connect(std::move(endpoints));
        bytes.erase(0, request->size);
        tunnel = std::make_shared<Tunnel>(std::move(client), std::move(outside), name);
    } catch (const Failure &failure) {
        refusal = failure.what();
    }
    boost::system::error_code error;
    auto completion = asio::redirect_error(asio::use_awaitable, error);
    if (!tunnel) {
        tell_("refused " + printable(name, 300) + ": " + printable(refusal, 300));
        std::string answer = "HTTP/1.1 403 " + printable(refusal, 300) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        Limit limit(client, std::chrono::seconds(10));
        auto buffer = asio::buffer(answer);
        co_await asio::async_write(client, buffer, completion);
        client.shutdown(tcp::socket::shutdown_send, error);
        co_return;
    }
    std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
    auto hello = asio::buffer(answer);
    co_await asio::async_write(tunnel->box, hello, completion);
    auto rest = asio::buffer(bytes);
    if (!error) co_await asio::async_write(tunnel->outside, rest, completion);
    if (!error) co_await carry(tunnel);
    tunnel->end();
}

Task<tcp::socket> Proxy::connect(std::vector<tcp::endpoint> endpoints) {
    auto executor = co_await asio::this_coro::executor;
    std::string why = "no address";
    for (const auto &endpoint : endpoints) {
        tcp::socket socket(executor);
        boost::system::error_code error;
        auto completion = asio::redirect_error(asio::use_awaitable, error);
        Limit limit(socket, limits_.connecting);
        co_await socket.async_connect(endpoint, completion);
        if (!error) co_return std::move(socket);
        why = endpoint.address().to_string() + (limit.late() ? " does not answer" : ": " + error.message());
    }
    throw Failure(Code::unavailable, "it cannot be connected to (" + why + ")");
}

Task<void> Proxy::carry(std::shared_ptr<Tunnel> tunnel) {
    auto executor = co_await asio::this_coro::executor;
    spawn_task(executor, "idle", watch(tunnel));
    spawn_task(executor, "upload", pump(tunnel, false));
    co_await pump(tunnel, true);
}

// Ends the tunnel when this direction ends: a half of https is of no use to anybody.
Task<void> Proxy::pump(std::shared_ptr<Tunnel> tunnel, bool from_outside) {
    tcp::socket &in = from_outside ? tunnel->outside : tunnel->box, &out = from_outside ? tunnel->box : tunnel->outside;
    std::vector<char> chunk(65536);
    boost::system::error_code error;
    auto completion = asio::redirect_error(asio::use_awaitable, error);
    while (!tunnel->over) {
        auto room = asio::buffer(chunk);
        size_t count = co_await in.async_read_some(room, completion);
        if (error || tunnel->over) break;
        tunnel->moved = std::chrono::steady_clock::now();
        if (from_outside && (received_ += count) > limits_.bytes) {
            tell_("closed " + tunnel->text + ": more than " + format_size(limits_.bytes) + " came");
            break;
        }
        auto got = asio::buffer(chunk.data(), count);
        co_await asio::async_write(out, got, completion);
        if (error) break;
        tunnel->moved = std::chrono::steady_clock::now();
    }
    tunnel->end();
}

Task<void> Proxy::watch(std::shared_ptr<Tunnel> tunnel) {
    while (!tunnel->over) {
        auto end = tunnel->moved + limits_.idle;
        if (std::chrono::steady_clock::now() >= end) {
            tell_("closed " + tunnel->text + ": it was silent for " + std::to_string(limits_.idle.count()) + " s");
            tunnel->end();
            break;
        }
        asio::steady_timer timer(co_await asio::this_coro::executor, end);
        boost::system::error_code error;
        auto completion = asio::redirect_error(asio::use_awaitable, error);
        co_await timer.async_wait(completion);
    }
}

}  // namespace seed::fetch
