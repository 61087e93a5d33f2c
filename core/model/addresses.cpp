#include "core/model/addresses.h"

#include <arpa/inet.h>

#include <cstring>
#include <optional>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

std::string to_text(const in6_addr &address) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &address, text, sizeof text);
    return text;
}

std::optional<in6_addr> parse_prefix48(std::string_view text) {
    if (!text.ends_with("/48")) return std::nullopt;
    std::string base(text.substr(0, text.size() - 3));
    in6_addr address{};
    if (inet_pton(AF_INET6, base.c_str(), &address) != 1) return std::nullopt;
    for (int i = 6; i < 16; ++i)
        if (address.s6_addr[i]) return std::nullopt;
    // Unspecified, loopback, link-local and multicast space cannot be routed to instances.
    if (address.s6_addr[0] == 0 || address.s6_addr[0] == 0xff || (address.s6_addr[0] == 0xfe && address.s6_addr[1] >= 0x80))
        return std::nullopt;
    return address;
}

}  // namespace

std::string service_address(std::string_view prefix, std::string_view ns, std::string_view instance) {
    auto address = parse_prefix48(prefix);
    if (!address)
        throw Failure(Code::invalid, "\"" + printable(prefix, 60) + "\" is not an IPv6 /48: write it like \"fd5e:ed00:1::/48\"");
    address->s6_addr[7] = 1;
    std::string hash = sha256(std::string(ns) + "/" + std::string(instance));  // neither part holds a '/'
    std::memcpy(address->s6_addr + 8, hash.data(), 8);
    return to_text(*address);
}

std::string generate_ula_prefix() {
    in6_addr address{};
    address.s6_addr[0] = 0xfd;
    std::string random = random_bytes(5);
    std::memcpy(address.s6_addr + 1, random.data(), 5);
    return to_text(address) + "/48";
}

std::string block64_of(const std::string &text) {
    in6_addr address{};
    if (inet_pton(AF_INET6, text.c_str(), &address) != 1) throw Failure(Code::internal, "\"" + printable(text, 60) + "\" is no IPv6 address");
    std::memset(address.s6_addr + 8, 0, 8);
    return to_text(address) + "/64";
}

std::string canonical_block64(const std::string &text) {
    in6_addr address{};
    bool good = text.ends_with("/64") && inet_pton(AF_INET6, text.substr(0, text.size() - 3).c_str(), &address) == 1;
    for (int i = 8; i < 16; ++i) good = good && address.s6_addr[i] == 0;
    if (!good) throw Failure(Code::invalid, "\"" + printable(text, 60) + "\" is no /64: write it like \"2001:db8:1:2::/64\"");
    return to_text(address) + "/64";
}

bool is_ipv6_prefix48(std::string_view text) {
    return parse_prefix48(text).has_value();
}

}  // namespace seed::model
