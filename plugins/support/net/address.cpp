#include "plugins/support/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <charconv>
#include <cstring>

#include <seed/util/failure.h>

namespace seed::net {

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN];
    return inet_ntop(six ? AF_INET6 : AF_INET, bytes.data(), buffer, sizeof buffer);
}

std::optional<Address> parse_address6(std::string_view text) {
    Address address{.six = true};
    if (text.find('\0') != text.npos || inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) != 1) return {};
    return address;
}

std::optional<Address> parse_address4(std::string_view text) {
    Address address;
    if (text.find('\0') != text.npos || inet_pton(AF_INET, std::string(text).c_str(), address.bytes.data()) != 1) return {};
    return address;
}

std::optional<Address> parse_address(std::string_view text) {
    if (auto six = parse_address6(text)) return six;
    return parse_address4(text);
}

bool within(const Address &address, const Address &network, unsigned bits) {
    if (address.six != network.six) return false;
    for (unsigned n = 0; n < bits; ++n) {
        const uint8_t mask = 0x80 >> (n % 8);
        if ((address.bytes[n / 8] & mask) != (network.bytes[n / 8] & mask)) return false;
    }
    return true;
}

bool is_guest_range4(const Address &address) {
    return within(address, *parse_address4("100.64.0.0"), 10);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == text.npos) return {};
    std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
    Endpoint endpoint;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) return {};
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    auto address = bracketed ? parse_address6(host.substr(1, host.size() - 2)) : parse_address4(host);
    if (!address) return {};
    endpoint.address = *address;
    return endpoint;
}

SocketAddress to_socket_address(const Endpoint &endpoint) {
    SocketAddress result;
    if (endpoint.address.six) {
        auto *six = reinterpret_cast<sockaddr_in6 *>(&result.storage);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(endpoint.port);
        memcpy(&six->sin6_addr, endpoint.address.bytes.data(), 16);
        result.size = sizeof *six;
    } else {
        auto *four = reinterpret_cast<sockaddr_in *>(&result.storage);
        four->sin_family = AF_INET;
        four->sin_port = htons(endpoint.port);
        memcpy(&four->sin_addr, endpoint.address.bytes.data(), 4);
        result.size = sizeof *four;
    }
    return result;
}

Endpoint from_socket_address(const sockaddr_storage &storage) {
    Endpoint result;
    if (storage.ss_family == AF_INET6) {
        const auto *six = reinterpret_cast<const sockaddr_in6 *>(&storage);
        result.port = ntohs(six->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            memcpy(result.address.bytes.data(), six->sin6_addr.s6_addr + 12, 4);
        } else {
            result.address.six = true;
            memcpy(result.address.bytes.data(), &six->sin6_addr, 16);
        }
    } else if (storage.ss_family == AF_INET) {
        const auto *four = reinterpret_cast<const sockaddr_in *>(&storage);
        result.port = ntohs(four->sin_port);
        memcpy(result.address.bytes.data(), &four->sin_addr, 4);
    }
    return result;
}

Prefix::Prefix(std::string_view text) {
    const Failure bad(Code::invalid,
                      "prefix6 '" + std::string(text.substr(0, 64)) + "' is not an IPv6 /48 such as fd5e:ed00:1::/48");
    if (!text.ends_with("/48")) throw bad;
    auto address = parse_address6(text.substr(0, text.size() - 3));
    if (!address) throw bad;
    for (size_t n = 6; n < 16; ++n)
        if (address->bytes[n]) throw bad;
    const uint8_t first = address->bytes[0];  // 2000::/3 or fc00::/7: nothing else may be routed
    if ((first & 0xe0) != 0x20 && (first & 0xfe) != 0xfc) throw bad;
    network_ = *address;
}

std::string Prefix::service_net() const {
    Address net = network_;
    net.bytes[7] = 1;
    return net.text() + "/64";
}

Address Prefix::resolver() const {
    Address address = network_;
    address.bytes[15] = 0x53;
    return address;
}

bool Prefix::holds_service(const Address &address) const {
    return within(address, network_, 48) && address.bytes[6] == 0 && address.bytes[7] == 1;
}

bool Prefix::holds_boot(const Address &address) const {
    return within(address, network_, 48) && (address.bytes[6] != 0 || address.bytes[7] > 1);
}

}  // namespace seed::net
