// The protocol: frames in, requests out, answers back.  What each request does is in api_*.cpp.
#include "core/front/api.h"

#include <seed/util/text.h>

#include "core/access/authorized_keys.h"
#include "core/base/log.h"

namespace seed::front {
namespace {

constexpr size_t most_requests = 16;      // in flight per peer
constexpr size_t most_bytes = 64u << 10;  // of one request
constexpr size_t most_webhook_bytes = 1u << 20;
constexpr auto short_request = std::chrono::seconds(60);
constexpr auto long_request = std::chrono::hours(3);  // conversations and followed logs

bool is_long(const std::string &op, const json &args) {
    return op == "git" || op == "collect" || op == "rollback" || op == "diff" || op == "plan" || op == "plugin_call" || op == "plugin_trace" || op == "plugin_restart" || op == "plugin_check" ||
           ((op == "logs" || op == "events") && args.value("follow", false));
}

}  // namespace

struct Api::Peer {
    Peer(asio::any_io_executor on, UniqueFd socket, PeerKind kind) : executor(on), stream(on, std::move(socket)), kind(kind) {}
    asio::any_io_executor executor;
    FrameStream stream;
    PeerKind kind;
    Person person;
    std::map<int64_t, Call> running;
};

const std::map<std::string, Api::Handler> Api::handlers = {
    {"status", &Api::status}, {"logs", &Api::logs},     {"restart", &Api::restart}, {"volumes", &Api::volumes},
    {"start", &Api::start},   {"stop", &Api::stop},     {"whoami", &Api::whoami}, {"health", &Api::health}, {"git", &Api::git},         {"events", &Api::events},
    {"metrics", &Api::metrics}, {"plugins", &Api::plugins}, {"collect", &Api::collect},
    {"plugin_call", &Api::plugin_call}, {"plugin_trace", &Api::plugin_trace}, {"plugin_restart", &Api::plugin_restart}, {"plugin_check", &Api::plugin_check}, {"plugin_forget", &Api::plugin_forget},
    {"volume_delete", &Api::volume_delete}, {"refresh", &Api::refresh},
    {"deployments", &Api::deployments}, {"generations", &Api::generations}, {"rollback", &Api::rollback},
    {"diff", &Api::diff}, {"plan", &Api::plan},
    {"invitations", &Api::invitations}, {"invite", &Api::invite}, {"invite_revoke", &Api::invite_revoke},
};

Api::Api(deploy::Deployer &deployer, access::Access &access, Hosting hosting)
    : deployer_(deployer),
      access_(access),
      hosting_(std::move(hosting)),
      pushes_(hosting_.pushes_per_minute, std::chrono::seconds(60)) {}

Task<void> Api::serve(UniqueFd socket, PeerKind kind) {
    auto executor = deployer_.world().executor;
    auto peer = std::make_shared<Peer>(executor, std::move(socket), kind);
    try {
        for (;;) {
            std::optional<Frame> frame = co_await peer->stream.receive(kind == PeerKind::http ? most_webhook_bytes : most_bytes);
            if (!frame) break;
            json message = parse_json(frame->body, "request");
            int64_t id = message.at("id").get<int64_t>();
            if (message.contains("cancel")) {
                if (auto running = peer->running.find(id); running != peer->running.end())
                    running->second.cancel("the asker lost interest");
                continue;
            }
            std::string op = message.at("op").get<std::string>();
            json args = message.value("args", json::object());
            if (!args.is_object()) throw Failure(Code::invalid, "args is not an object");
            if (op == "hello" && kind == PeerKind::session && peer->person.key.empty()) {
                peer->person.key = access::canonical_key(args.at("key").get<std::string>());
                peer->person.fingerprint = printable(args.value("fingerprint", ""), 100);
                peer->person.remote = printable(args.value("remote", ""), 100);
                if (peer->person.key.empty()) throw Failure(Code::invalid, "hello without a public key");
                json said = {{"id", id}};
                if (connected_[peer->person.key] >= hosting_.connections_per_key) {
                    said["error"] = {{"code", "limit"},
                                     {"text", "this key has " + std::to_string(hosting_.connections_per_key) +
                                                  " connections open, as many as the platform allows; close one and try again"}};
                    peer->person.key.clear();
                } else {
                    ++connected_[peer->person.key];
                    said["ok"] = json::object();
                }
                std::string body = said.dump();
                co_await peer->stream.send(std::move(body));
                continue;
            }
            if (peer->running.contains(id)) throw Failure(Code::invalid, "request id used twice");
            // What a push is called in the logs of every process that it goes through.
            bool push = op == "git" && args.contains("service") && args["service"] == "receive-pack";
            Call call((push ? "push" : printable(op, 20)) + "-" + random_hex(6),
                      is_long(op, args) ? Call::Clock::duration(long_request) : Call::Clock::duration(short_request));
            auto request = std::make_shared<Request>(
                Request{call, kind, peer->person, std::move(args), std::move(frame->descriptors), nullptr});
            bool too_many = peer->running.size() >= most_requests;
            if (too_many) {
                std::string refusal =
                    json{{"id", id}, {"error", {{"code", "limit"}, {"text", "too many requests at once; wait for an answer"}}}}
                        .dump();
                co_await peer->stream.send(refusal);
                continue;
            }
            peer->running.emplace(id, call);
            spawn_task(executor, "request " + call.id(), answer(peer, id, std::move(op), std::move(request)));
        }
    } catch (const std::exception &error) {
        log_warning("front", "a peer was dropped: " + std::string(error.what()));
    }
    if (!peer->person.key.empty() && --connected_[peer->person.key] == 0) connected_.erase(peer->person.key);
    for (auto &[id, call] : peer->running) call.cancel("the asker left");
    peer->stream.close();
}

// Waits while the peer does not read: a slow one holds nobody back but itself.
Task<void> Api::send_to(std::shared_ptr<Peer> peer, int64_t id, json item) {
    std::string body = json{{"id", id}, {"item", std::move(item)}}.dump(-1, ' ', false, json::error_handler_t::replace);
    co_await peer->stream.send(std::move(body));
}

Task<void> Api::answer(std::shared_ptr<Peer> peer, int64_t id, std::string op, std::shared_ptr<Request> request) {
    json answer = {{"id", id}};
    request->item = [peer, id, call = request->call](const json &item) {
        try {
            peer->stream.post(json{{"id", id}, {"item", item}}.dump(-1, ' ', false, json::error_handler_t::replace));
        } catch (const Failure &failure) {  // gone, or does not read
            call.cancel(failure.what());
        }
    };
    request->send_item = [peer, id](json item) { return send_to(peer, id, std::move(item)); };
    ++in_flight_;
    try {
        auto handler = handlers.find(op);
        if (handler == handlers.end()) throw Failure(Code::unsupported, "no such request: " + printable(op, 40));
        bool allowed = peer->kind == PeerKind::session || peer->kind == PeerKind::operator_ || op == "health" ||
                       (peer->kind == PeerKind::metrics && op == "metrics") || (peer->kind == PeerKind::http && op == "refresh");
        if (!allowed) throw Failure(Code::denied, "the HTTP front may not ask for " + op);
        if (op == "refresh" && peer->kind != PeerKind::http) throw Failure(Code::denied, "webhooks come over HTTP");
        if (peer->kind == PeerKind::session && request->person.key.empty()) throw Failure(Code::denied, "say hello first");
        json result = co_await (this->*handler->second)(*request);
        answer["ok"] = std::move(result);
    } catch (const Failure &failure) {
        answer["error"] = {
            {"code", to_string(failure.code())}, {"text", failure.what()}, {"retry_after_ms", failure.retry_after_ms()}};
        tell_refusal(*request, op, failure);
    } catch (const json::exception &error) {
        answer["error"] = {{"code", "invalid"}, {"text", std::string("malformed request: ") + error.what()}};
    } catch (const std::exception &error) {
        log_error("front", op + ": " + error.what());
        answer["error"] = {{"code", "internal"}, {"text", error.what()}};
    }
    --in_flight_;
    peer->running.erase(id);
    if (!peer->stream.is_open()) co_return;
    std::string body = answer.dump(-1, ' ', false, json::error_handler_t::replace);
    co_await peer->stream.send(std::move(body));
}

}  // namespace seed::front
