#include "core/front/listening_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include <seed/util/failure.h>

namespace seed::front {
namespace {

struct Endpoint {
    sockaddr_storage bytes{};
    socklen_t size = 0;
    int family() const { return bytes.ss_family; }
};

// From the numeric text of an address, with its scope (fe80::1%eth0); false: it is none.
bool read_host(const std::string &host, Endpoint &endpoint, uint16_t port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
    std::memcpy(&endpoint.bytes, found->ai_addr, found->ai_addrlen);
    endpoint.size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

Address written(const Endpoint &endpoint) {
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "0";
    getnameinfo(reinterpret_cast<const sockaddr *>(&endpoint.bytes), endpoint.size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    return {host, static_cast<uint16_t>(std::stoi(port))};
}

int option(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

std::string Address::text() const {
    return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Address parse_address(const std::string &text) {
    auto colon = text.rfind(':');
    if (colon == std::string::npos) throw Failure(Code::invalid, "address " + text + " has no port; write ADDRESS:PORT");
    std::string host = text.substr(0, colon), port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65535)
        throw Failure(Code::invalid, "address " + text + ": the port is not a number from 0 to 65535");
    return {host, static_cast<uint16_t>(std::stoi(port))};
}

UniqueFd listen_on(const Address &address) {
    Endpoint endpoint;
    if (!read_host(address.host, endpoint, address.port)) throw Failure(Code::invalid, "listen address " + address.host + " is not an IP address");
    UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    int yes = 1;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
        ::bind(fd.get(), reinterpret_cast<sockaddr *>(&endpoint.bytes), endpoint.size) || ::listen(fd.get(), SOMAXCONN))
        throw Failure(Code::unavailable, "cannot listen on " + address.host + " port " + std::to_string(address.port) + ": " + std::strerror(errno) +
                                             "; is another server there?");
    return fd;
}

Address listening_address(int fd) {
    Endpoint endpoint;
    endpoint.size = sizeof endpoint.bytes;
    if (getsockname(fd, reinterpret_cast<sockaddr *>(&endpoint.bytes), &endpoint.size)) throw Failure(Code::invalid, "a descriptor that should listen is no socket");
    bool internet = endpoint.family() == AF_INET || endpoint.family() == AF_INET6;
    if (!internet || option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_PROTOCOL) != IPPROTO_TCP) throw Failure(Code::invalid, "a socket that should listen is not of TCP");
    if (option(fd, SO_ACCEPTCONN) != 1) throw Failure(Code::invalid, "a socket that should listen does not");
    return written(endpoint);
}

bool serves(const Address &here, const Address &wanted) {
    Endpoint one, other;
    if (!read_host(here.host, one, 0) || !read_host(wanted.host, other, 0) || one.size != other.size) return false;
    return std::memcmp(&one.bytes, &other.bytes, one.size) == 0 && (wanted.port == 0 || wanted.port == here.port);
}

}  // namespace seed::front
