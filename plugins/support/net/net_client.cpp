#include "plugins/support/net/net_client.h"

#include <unistd.h>
#include <nlohmann/json.hpp>
#include <thread>

#include <seed/util/frame.h>

#include "plugins/support/net/state_json.h"

namespace seed {

using nlohmann::json;

namespace {

struct Answer {
    json ok;
    std::vector<UniqueFd> descriptors;
};

Answer ask(const std::string &path, const char *operation, json arguments, std::chrono::milliseconds patience) {
    UniqueFd socket = connect_unix(path);
    send_frame(socket.get(), json{{"id", 1}, {"op", operation}, {"args", std::move(arguments)}}.dump());
    auto frame = receive_frame(socket.get(), patience);
    if (!frame)
        throw Failure(Code::unavailable, std::string("seed-net ended during ") + operation + "; ask again when it is back", 200);
    json answer = json::parse(frame->body, nullptr, false);
    if (answer.is_object() && answer.contains("error")) {
        const json &error = answer["error"];
        throw Failure(code_from_string(error.value("code", "internal")), error.value("text", "seed-net gave no reason"),
                      error.value("retry_after_ms", int64_t{0}));
    }
    if (!answer.is_object() || !answer.contains("ok"))
        throw Failure(Code::internal, std::string("seed-net: malformed answer to ") + operation);
    return {answer["ok"], std::move(frame->descriptors)};
}

}  // namespace

NetClient::NetClient(std::string path, std::chrono::milliseconds patience) : path_(std::move(path)), patience_(patience) {}

json NetClient::hello() {
    return ask(path_, "hello", json::object(), patience_).ok;
}

UniqueFd NetClient::tap(const TapRequest &request) {
    Answer answer = ask(path_, "tap", net::to_json(request), patience_);
    if (answer.descriptors.size() != 1) throw Failure(Code::internal, "seed-net: no descriptor for tap " + request.name);
    return std::move(answer.descriptors[0]);
}

std::vector<UniqueFd> NetClient::namespaces() {
    Answer answer = ask(path_, "namespaces", json::object(), patience_);
    if (answer.descriptors.empty()) throw Failure(Code::internal, "seed-net: no namespace descriptors");
    return std::move(answer.descriptors);
}

std::vector<std::string> NetClient::apply(const NetworkState &state, std::vector<NetRefusal> *refused) {
    const json reply = ask(path_, "apply", net::to_json(state), patience_).ok;
    if (refused && reply.contains("refused"))
        for (const auto &one : reply["refused"])
            refused->push_back({one.at("listen"), one.at("host_port"), one.at("udp"), one.at("reason")});
    return reply.value("remarks", std::vector<std::string>{});
}

size_t NetClient::connections(const std::string &address6, const std::string &address4) {
    return ask(path_, "connections", {{"address6", address6}, {"address4", address4}}, patience_).ok.at("count").get<size_t>();
}

void NetClient::quit() {
    ask(path_, "quit", json::object(), patience_);
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    while (access(path_.c_str(), F_OK) == 0) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Failure(Code::timeout, "seed-net has not ended: " + path_ + " is still there");
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace seed
