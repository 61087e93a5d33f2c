#include "core/front/front_channel.h"

#include <netdb.h>
#include <sys/socket.h>

#include <set>

#include <seed/codec.hpp>
#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/front/listening_socket.h"

namespace seed::front {
namespace {

constexpr std::string_view kinds[] = {"session", "http", "metrics"};   // by ArrivalKind

[[noreturn]] void malformed(const std::string &why) { throw Failure(Code::invalid, "a malformed message on the channel of seed-front: " + why); }

// The one member of the message, which must be an object.
json body_of(const Frame &frame, const char *name) {
    json message = parse_json(frame.body, "message");
    if (!message.is_object() || message.size() != 1 || !message.contains(name) || !message[name].is_object()) malformed(std::string("it is no ") + name);
    return std::move(message[name]);
}

std::string text_in(const json &body, const char *name, size_t longest) {
    auto found = body.find(name);
    if (found == body.end() || !found->is_string()) malformed(std::string(name) + " is no text");
    std::string text = *found;
    if (text.size() > longest || printable(text, longest) != text) malformed(std::string(name) + " is too long or not printable");
    return text;
}

std::vector<std::string> names_in(const json &body, const char *name) {
    auto found = body.find(name);
    if (found == body.end() || !found->is_array() || found->size() > std::size(kinds)) malformed(std::string(name) + " is no list of names");
    std::set<std::string> seen;
    std::vector<std::string> names;
    for (const auto &one : *found) {
        if (!one.is_string() || !is_front_name(one.get<std::string>()) || !seen.insert(one).second) malformed(std::string(name) + " has a name that is unknown or comes twice");
        names.push_back(one);
    }
    return names;
}

size_t number_in(const json &body, const char *name) {
    auto found = body.find(name);
    if (found == body.end() || !found->is_number_unsigned()) malformed(std::string(name) + " is no number");
    return *found;
}

bool is_numeric_address(const std::string &text) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST;
    if (getaddrinfo(text.c_str(), nullptr, &hints, &found) != 0) return false;
    freeaddrinfo(found);
    return true;
}

void must_be_control(int fd) {
    auto option = [fd](int name) {
        int value = -1;
        socklen_t size = sizeof value;
        return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
    };
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_STREAM || option(SO_ACCEPTCONN) != 0 ||
        getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) != 0)
        malformed("its descriptor is no connected UNIX stream socket");
}

}  // namespace

bool is_front_name(std::string_view name) { return name == "ssh" || name == "http" || name == "metrics"; }

Hello read_hello(Frame frame) {
    json body = body_of(frame, "hello");
    Hello hello{text_in(body, "version", 40), {}};
    auto names = names_in(body, "sockets"), given = names_in(body, "given");
    if (names.size() != frame.descriptors.size()) malformed("it has " + std::to_string(frame.descriptors.size()) + " descriptors for " + std::to_string(names.size()) + " sockets");
    std::set<std::string> from_manager(given.begin(), given.end());
    for (size_t n = 0; n < names.size(); ++n) {
        listening_address(frame.descriptors[n].get());
        hello.sockets.push_back({names[n], from_manager.erase(names[n]) == 1, std::move(frame.descriptors[n])});
    }
    if (!from_manager.empty()) malformed("given names a socket that it does not hold");
    return hello;
}

std::string write_hello(const Hello &hello) {
    json names = json::array(), given = json::array();
    for (const auto &socket : hello.sockets) {
        names.push_back(socket.name);
        if (socket.given) given.push_back(socket.name);
    }
    return json{{"hello", {{"version", hello.version}, {"sockets", names}, {"given", given}}}}.dump();
}

Greeting read_greeting(const Frame &frame) {
    Greeting greeting;
    json message = parse_json(frame.body, "message");
    if (message.is_object() && message.contains("refusal")) {
        greeting.refusal = text_in(body_of(frame, "refusal"), "why", 1000);
        return greeting;
    }
    if (message.is_object() && message.contains("release")) {
        greeting.release = names_in(body_of(frame, "release"), "sockets");
        return greeting;
    }
    json body = body_of(frame, "greeting");
    greeting.limits = {number_in(body, "connections"), number_in(body, "connections_per_address")};
    greeting.sockets = names_in(body, "sockets");
    if (frame.descriptors.size() != greeting.sockets.size() + 1) malformed("the host key or a socket is missing");
    return greeting;
}

std::string write_greeting(const Greeting &greeting) {
    if (!greeting.refusal.empty()) return json{{"refusal", {{"why", printable(greeting.refusal, 1000)}}}}.dump();
    if (!greeting.release.empty()) return json{{"release", {{"sockets", greeting.release}}}}.dump();
    return json{{"greeting", {{"connections", greeting.limits.connections}, {"connections_per_address", greeting.limits.connections_per_address}, {"sockets", greeting.sockets}}}}
        .dump();
}

Arrival read_arrival(Frame frame) {
    json body = body_of(frame, "arrival");
    std::string kind = text_in(body, "kind", 20);
    Arrival arrival;
    size_t n = 0;
    while (n < std::size(kinds) && kinds[n] != kind) ++n;
    if (n == std::size(kinds)) malformed("there is no kind " + kind);
    arrival.kind = static_cast<ArrivalKind>(n);
    arrival.remote = text_in(body, "remote", 100);
    if ((arrival.kind == ArrivalKind::session) != !arrival.remote.empty() || (!arrival.remote.empty() && !is_numeric_address(arrival.remote)))
        malformed("remote is no address");
    if (frame.descriptors.size() != 1) malformed("it has " + std::to_string(frame.descriptors.size()) + " descriptors instead of one");
    must_be_control(frame.descriptors[0].get());
    arrival.control = std::move(frame.descriptors[0]);
    return arrival;
}

std::string write_arrival(ArrivalKind kind, const std::string &remote) {
    return json{{"arrival", {{"kind", kinds[static_cast<size_t>(kind)]}, {"remote", remote}}}}.dump();
}

}  // namespace seed::front
