// seed-http: the HTTP front.  One unprivileged, caged process for all connections; descriptor 3 is the listening socket,
// descriptor 4 the frame socket to seedd, of which it can ask nothing but the platform's health and to look at a webhook.
//
//   GET /health, /readyz   200 or 503, JSON: is every provider able to work?
//   GET /                  the same for people
//   POST /refresh          a webhook delivery (refresh.h)
#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <csignal>
#include <cstdio>
#include <map>

#include <seed/codec.hpp>

#include "core/base/frame_stream.h"
#include "core/base/log.h"
#include "refresh.h"

namespace beast = boost::beast;
namespace http = beast::http;
using namespace seed;
using seed::web::Refresh;
using std::chrono::seconds;

namespace {

constexpr int most_connections = 512;
constexpr auto slowest_client = seconds(10);

// Asks seedd; answers younger than a second are shared, so that a flood of requests costs seedd nothing.
class Health {
public:
    Health(asio::any_io_executor executor, UniqueFd socket) : stream_(executor, std::move(socket)), arrived_(executor), refresh_(executor, [this](std::string frame) { stream_.post(std::move(frame)); }) {}
    Refresh &refresh() { return refresh_; }

    Task<json> now() {
        if (Call::Clock::now() - asked_ > seconds(1) && !asking_) {
            asking_ = true;
            arrived_.clear();
            stream_.post(json{{"id", ++id_}, {"op", "health"}}.dump());
        }
        auto deadline = Call::Clock::now() + seconds(8);
        bool answered = !asking_ || co_await arrived_.wait_until(deadline);
        if (!answered) co_return json{{"ok", false}, {"providers", json::array()}};
        co_return last_;
    }
    // Ends when seedd is gone; then so do we.
    Task<void> read() {
        for (;;) {
            auto frame = co_await stream_.receive();
            if (!frame) break;
            json message = parse_json(frame->body, "answer");
            if (refresh_.answered(message)) continue;
            last_ = message.value("ok", json{{"ok", false}, {"providers", json::array()}});
            asked_ = Call::Clock::now();
            asking_ = false;
            arrived_.set();
        }
    }

private:
    FrameStream stream_;
    Event arrived_;
    Refresh refresh_;
    json last_ = json{{"ok", false}};
    Call::Clock::time_point asked_{};
    bool asking_ = false;
    int64_t id_ = 0;
};

std::string page(const json &health) {
    std::string rows;
    for (const auto &provider : health.value("providers", json::array()))
        rows += "<tr><td>" + provider.value("kind", "") + "</td><td>" + provider.value("plugin", "") + "</td><td>" +
                (provider.value("ok", false) ? "works" : "<b>does not work</b>") + "</td></tr>\n";
    return "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Seed</title>"
           "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:40rem;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"
           "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style>"
           "<h1>Seed</h1><p>" +
           std::string(health.value("ok", false) ? "Everything works." : "Something does not work.") + "</p><table>" + rows +
           "</table><p>Push a flake with git over ssh; <code>ssh HOST help</code> lists the commands.</p></html>\n";
}

http::response<http::string_body> answer_to(const http::request<http::empty_body> &request, const json &health) {
    http::response<http::string_body> response;
    response.version(request.version());
    response.keep_alive(request.keep_alive());
    response.set(http::field::server, "seed");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    std::string target(request.target().substr(0, request.target().find('?')));
    bool well = health.value("ok", false);
    response.result(well ? http::status::ok : http::status::service_unavailable);
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        response.result(http::status::method_not_allowed);
        response.set(http::field::allow, "GET, HEAD");
        response.body() = "only GET is served here\n";
    } else if (target == "/health" || target == "/readyz") {
        response.set(http::field::content_type, "application/json");
        response.body() = health.dump() + "\n";
    } else if (target == "/") {
        response.result(http::status::ok);
        response.set(http::field::content_type, "text/html; charset=utf-8");
        response.body() = page(health);
    } else {
        response.result(http::status::not_found);
        response.body() = "nothing here; try /health\n";
    }
    if (request.method() == http::verb::head) {
        response.content_length(response.body().size());
        response.body().clear();
        return response;
    }
    response.prepare_payload();
    return response;
}

Task<void> serve(beast::tcp_stream stream, Health &health, [[maybe_unused]] std::shared_ptr<void> counted) {
    beast::flat_buffer buffer(16u << 10);   // bounds a request's header
    for (;;) {
        boost::system::error_code error;
        http::request_parser<http::empty_body> parser;
        parser.header_limit(8u << 10);
        stream.expires_after(slowest_client);
        co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        if (Refresh::wanted(parser.get())) {
            co_await health.refresh().serve(stream, buffer, parser);
            break;
        }
        co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        json state = co_await health.now();
        auto response = answer_to(parser.get(), state);
        bool again = response.keep_alive();
        stream.expires_after(slowest_client);
        co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
        if (error || !again) break;
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

Task<void> accept_all(asio::ip::tcp::acceptor &acceptor, Health &health) {
    auto open = std::make_shared<int>(0);
    for (;;) {
        boost::system::error_code error;
        asio::ip::tcp::socket connection(acceptor.get_executor());
        co_await acceptor.async_accept(connection, asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            co_await sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        if (*open >= most_connections) continue;   // closes it
        ++*open;
        std::shared_ptr<void> counted(nullptr, [open](void *) { --*open; });
        beast::tcp_stream stream(std::move(connection));
        spawn_task(acceptor.get_executor(), "connection", serve(std::move(stream), health, std::move(counted)));
    }
}

Task<void> follow(Health &health, asio::io_context &context) {
    try {
        co_await health.read();
    } catch (const std::exception &error) {
        log_warning("http", error.what());
    }
    context.stop();
}

}  // namespace

int main() {
    try {
        std::signal(SIGPIPE, SIG_IGN);
        asio::io_context context(1);
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        if (getsockname(3, reinterpret_cast<sockaddr *>(&address), &size) != 0) {
            std::fprintf(stderr, "seed-http: descriptor 3 is no listening socket; seedd starts this program\n");
            return 2;
        }
        asio::ip::tcp::acceptor acceptor(context);
        acceptor.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), 3);
        Health health(context.get_executor(), UniqueFd(4));
        spawn_task(context.get_executor(), "accept", accept_all(acceptor, health));
        spawn_task(context.get_executor(), "seedd", follow(health, context));
        context.run();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-http: %s\n", error.what());
        return 1;
    }
}
