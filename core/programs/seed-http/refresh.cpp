#include "refresh.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <nlohmann/json.hpp>

#include <seed/util/text.h>

#include "core/front/webhook.h"

namespace seed::web {

namespace beast = boost::beast;
using nlohmann::json;
using std::chrono::seconds;

namespace {

constexpr auto patience = seconds(30);
constexpr size_t most_at_once = 8;  // bounds what bodies and seedd's work may cost

beast_http::response<beast_http::string_body> response_of(unsigned status, std::string body) {
    beast_http::response<beast_http::string_body> response;
    response.result(status);
    response.set(beast_http::field::server, "seed");
    response.set(beast_http::field::content_type, body.starts_with("{") ? "application/json" : "text/plain; charset=utf-8");
    response.keep_alive(false);  // whatever else came with it is not read
    response.body() = std::move(body) + "\n";
    response.prepare_payload();
    return response;
}

unsigned status_of(const std::string &code) {
    static const std::map<std::string, unsigned> statuses = {{"denied", 401},   {"not_found", 404}, {"conflict", 409},
                                                             {"invalid", 400},  {"limit", 429},     {"unavailable", 503}};
    auto known = statuses.find(code);
    return known == statuses.end() ? 500 : known->second;
}

}  // namespace

struct Refresh::Question {
    explicit Question(asio::any_io_executor executor) : arrived(executor) {}
    Event arrived;
    json answer;
};

bool Refresh::wanted(const beast_http::request<beast_http::empty_body> &request) {
    std::string target(request.target());
    return request.method() == beast_http::verb::post && target.substr(0, target.find('?')) == "/refresh";
}

Task<void> Refresh::serve(beast::tcp_stream &stream, beast::flat_buffer &buffer, beast_http::request_parser<beast_http::empty_body> &head) {
    auto response = co_await judge(stream, buffer, head);
    if (!response) co_return;
    boost::system::error_code error;
    stream.expires_after(patience);
    co_await beast_http::async_write(stream, *response, asio::redirect_error(asio::use_awaitable, error));
    if (!error) stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    // What is still on its way is read, or the kernel would throw our answer away with the connection.
    char rest[16384];
    stream.expires_after(seconds(2));
    for (size_t read = 0; !error && read < 4 * front::webhook_body_limit;)
        read += co_await stream.async_read_some(asio::buffer(rest), asio::redirect_error(asio::use_awaitable, error));
}

Task<std::optional<beast_http::response<beast_http::string_body>>> Refresh::judge(
    beast::tcp_stream &stream, beast::flat_buffer &buffer, beast_http::request_parser<beast_http::empty_body> &head) {
    auto signature = std::string(head.get()["X-Hub-Signature-256"]);
    if (signature.empty()) co_return response_of(401, "a delivery must be signed: X-Hub-Signature-256 is missing");
    if (asked_.size() >= most_at_once) co_return response_of(503, "too many deliveries at once; deliver again");
    // The parser has compared an announced length with its own limit already; ours counts for what comes in chunks.
    auto announced = head.content_length();
    if (announced && *announced > front::webhook_body_limit) co_return response_of(413, "a delivery may have 512 KiB");
    beast_http::request_parser<beast_http::string_body> whole(std::move(head));
    whole.body_limit(front::webhook_body_limit);
    boost::system::error_code error;
    stream.expires_after(patience);
    co_await beast_http::async_read(stream, buffer, whole, asio::redirect_error(asio::use_awaitable, error));
    if (error == beast_http::error::body_limit) co_return response_of(413, "a delivery may have 512 KiB");
    if (error) co_return std::nullopt;
    std::string body = whole.get().body();
    auto response = co_await ask(signature, body);
    co_return response;
}

Task<beast_http::response<beast_http::string_body>> Refresh::ask(const std::string &signature, const std::string &body) {
    int64_t id = next_++;
    auto question = std::make_shared<Question>(executor_);
    asked_[id] = question;
    post_(json{{"id", id}, {"op", "refresh"}, {"args", {{"signature", printable(signature, 100)}, {"body", base64(body)}}}}.dump());
    auto deadline = Call::Clock::now() + patience;
    bool in_time = co_await question->arrived.wait_until(deadline);
    asked_.erase(id);
    if (!in_time) co_return response_of(503, "the platform does not answer; deliver again");
    const json &answer = question->answer;
    if (answer.contains("ok")) co_return response_of(202, answer["ok"].dump());
    auto trouble = answer.value("error", json::object());
    co_return response_of(status_of(trouble.value("code", "")), printable(trouble.value("text", "internal error"), 500));
}

bool Refresh::answered(const json &message) {
    auto asked = asked_.find(message.value("id", int64_t(0)));
    if (asked == asked_.end()) return message.value("id", int64_t(0)) >= int64_t(1) << 40;
    asked->second->answer = message;
    asked->second->arrived.set();
    return true;
}

}  // namespace seed::web
