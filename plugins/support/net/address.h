// IP addresses as values.  Text becomes an address through inet_pton only; what is rendered into rules is always inet_ntop's
// text.
#pragma once
#include <sys/socket.h>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seed::net {

struct Address {
    bool six = false;
    std::array<uint8_t, 16> bytes{};  // IPv4: the first four
    std::string text() const;
    auto operator<=>(const Address &) const = default;
};

std::optional<Address> parse_address(std::string_view text);  // either family; no scope, no port
std::optional<Address> parse_address6(std::string_view text);
std::optional<Address> parse_address4(std::string_view text);
bool within(const Address &address, const Address &network, unsigned bits);
bool is_guest_range4(const Address &address);  // 100.64.0.0/10

struct Endpoint {
    Address address;
    uint16_t port = 0;
    auto operator<=>(const Endpoint &) const = default;
};
std::optional<Endpoint> parse_endpoint(std::string_view text);  // "127.0.0.1:53", "[::1]:53"

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&storage); }
    sockaddr *get() { return reinterpret_cast<sockaddr *>(&storage); }
};
SocketAddress to_socket_address(const Endpoint &endpoint);
Endpoint from_socket_address(const sockaddr_storage &storage);  // v4-mapped addresses become IPv4

// The platform's /48 and what lies in it.
class Prefix {
public:
    explicit Prefix(std::string_view text);  // "fd5e:ed00:1::/48"; throws Failure(invalid)
    std::string text() const { return network_.text() + "/48"; }
    std::string service_net() const;  // "PREFIX:1::/64"
    Address resolver() const;         // PREFIX::53
    bool holds_service(const Address &address) const;
    bool holds_boot(const Address &address) const;  // in the prefix, not in subnet 0 or 1

private:
    Address network_;
};

}  // namespace seed::net
