// seed-http: the HTTP front.  One unprivileged, caged process for all connections; descriptor 3 is the listening socket,
// descriptor 4 the frame socket to seedd, of which it can ask nothing but the platform's health and to look at a webhook; with
// --metrics, on a listener of the operator's monitoring, its numbers instead of webhooks.  With --unavailable there is no seedd: all
// is answered with 503.
//
//   GET /health, /ready, /readyz   200 or 503, JSON: is every provider able to work?
//   GET /metrics                   with --metrics: Prometheus' text format
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
#include <cstring>
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
bool with_metrics = false;   // set once, by main
bool without_seedd = false;  // set once, by main: whoever comes is told to come again

// Asks seedd; answers younger than a second are shared, so that a flood of requests costs seedd nothing.
class Seedd {
public:
    Seedd(asio::any_io_executor executor, UniqueFd socket)
        : executor_(executor), stream_(executor, std::move(socket)), refresh_(executor, [this](std::string frame) { stream_.post(std::move(frame)); }) {}
    Refresh &refresh() { return refresh_; }

    // The answer's "ok"; null when it was refused or takes too long.
    Task<json> ask(std::string op) {
        if (without_seedd) co_return json();
        auto &question = questions_[op];
        if (!question) question = std::make_shared<Question>(executor_);
        auto mine = question;
        if (Call::Clock::now() - mine->answered > seconds(1) && !mine->asking) {
            mine->asking = true;
            mine->arrived.clear();
            by_id_[++id_] = mine;
            stream_.post(json{{"id", id_}, {"op", op}}.dump());
        }
        auto deadline = Call::Clock::now() + seconds(8);
        bool answered = !mine->asking || co_await mine->arrived.wait_until(deadline);
        co_return answered ? mine->last : json();
    }
    // Ends when seedd is gone; then so do we.
    Task<void> read() {
        for (;;) {
            auto frame = co_await stream_.receive();
            if (!frame) break;
            json message = parse_json(frame->body, "answer");
            if (refresh_.answered(message)) continue;
            auto found = by_id_.find(message.value("id", int64_t{0}));
            if (found == by_id_.end()) continue;
            auto question = found->second;
            by_id_.erase(found);
            question->last = message.value("ok", json());
            question->answered = Call::Clock::now();
            question->asking = false;
            question->arrived.set();
        }
    }

private:
    struct Question {
        explicit Question(asio::any_io_executor executor) : arrived(executor) {}
        Event arrived;
        json last;
        Call::Clock::time_point answered{};
        bool asking = false;
    };
    asio::any_io_executor executor_;
    FrameStream stream_;
    Refresh refresh_;
    std::map<std::string, std::shared_ptr<Question>> questions_;
    std::map<int64_t, std::shared_ptr<Question>> by_id_;
    int64_t id_ = 0;
};

std::string page(const json &health) {
    std::string rows;
    for (const auto &provider : health.is_object() ? health.value("providers", json::array()) : json::array())
        rows += "<tr><td>" + provider.value("kind", "") + "</td><td>" + provider.value("plugin", "") + "</td><td>" +
                (provider.value("ok", false) ? "works" : "<b>does not work</b>") + "</td></tr>\n";
    return "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Seed</title>"
           "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:40rem;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"
           "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style>"
           "<h1>Seed</h1><p>" +
           std::string(health.is_object() && health.value("ok", false) ? "Everything works." : "Something does not work.") + "</p><table>" + rows +
           "</table><p>Push a flake with git over ssh; <code>ssh HOST help</code> lists the commands.</p></html>\n";
}

std::string path_of(const http::request<http::empty_body> &request) {
    return std::string(request.target().substr(0, request.target().find('?')));
}

// `numbers`: the answer to `metrics`, null when there is none.
http::response<http::string_body> answer_to(const http::request<http::empty_body> &request, const json &health, const json &numbers) {
    http::response<http::string_body> response;
    response.version(request.version());
    response.keep_alive(request.keep_alive());
    response.set(http::field::server, "seed");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    std::string target = path_of(request);
    bool well = health.is_object() && health.value("ok", false);
    response.result(well ? http::status::ok : http::status::service_unavailable);
    if (without_seedd) {
        response.set(http::field::retry_after, "30");
        response.body() = "the platform is being started anew or is stopped; try again in a minute\n";
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
        response.result(http::status::method_not_allowed);
        response.set(http::field::allow, "GET, HEAD");
        response.body() = "only GET is served here\n";
    } else if (target == "/metrics" && with_metrics) {
        response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
        response.result(numbers.is_object() ? http::status::ok : http::status::service_unavailable);
        response.body() = numbers.is_object() ? numbers.value("text", "") : "seedd does not answer\n";
    } else if (target == "/health" || target == "/ready" || target == "/readyz") {
        response.set(http::field::content_type, "application/json");
        response.body() = (health.is_object() ? health : json{{"ok", false}, {"providers", json::array()}}).dump() + "\n";
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

Task<void> serve(beast::tcp_stream stream, Seedd &seedd, [[maybe_unused]] std::shared_ptr<void> counted) {
    beast::flat_buffer buffer(16u << 10);   // bounds a request's header
    for (;;) {
        boost::system::error_code error;
        http::request_parser<http::empty_body> parser;
        parser.header_limit(8u << 10);
        stream.expires_after(slowest_client);
        co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        if (!with_metrics && !without_seedd && Refresh::wanted(parser.get())) {
            co_await seedd.refresh().serve(stream, buffer, parser);
            break;
        }
        co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        bool wants_numbers = with_metrics && path_of(parser.get()) == "/metrics";
        std::string op = wants_numbers ? "metrics" : "health";
        json answer = co_await seedd.ask(op), none;
        auto response = answer_to(parser.get(), wants_numbers ? none : answer, wants_numbers ? answer : none);
        bool again = response.keep_alive();
        stream.expires_after(slowest_client);
        co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
        if (error || !again) break;
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

Task<void> accept_all(asio::ip::tcp::acceptor &acceptor, Seedd &seedd) {
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
        spawn_task(acceptor.get_executor(), "connection", serve(std::move(stream), seedd, std::move(counted)));
    }
}

Task<void> follow(Seedd &seedd, asio::io_context &context) {
    try {
        co_await seedd.read();
    } catch (const std::exception &error) {
        log_warning("http", error.what());
    }
    context.stop();
}

}  // namespace

int main(int count, char **arguments) {
    for (int n = 1; n < count; ++n) {
        if (std::strcmp(arguments[n], "--metrics") == 0) with_metrics = true;
        if (std::strcmp(arguments[n], "--unavailable") == 0) without_seedd = true;
    }
    try {
        std::signal(SIGPIPE, SIG_IGN);
        asio::io_context context(1);
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        if (getsockname(3, reinterpret_cast<sockaddr *>(&address), &size) != 0) {
            std::fprintf(stderr, "seed-http: descriptor 3 is no listening socket; seed-front starts this program\n");
            return 2;
        }
        asio::ip::tcp::acceptor acceptor(context);
        acceptor.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), 3);
        Seedd seedd(context.get_executor(), UniqueFd(4));
        spawn_task(context.get_executor(), "accept", accept_all(acceptor, seedd));
        if (!without_seedd) spawn_task(context.get_executor(), "seedd", follow(seedd, context));
        context.run();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-http: %s\n", error.what());
        return 1;
    }
}
