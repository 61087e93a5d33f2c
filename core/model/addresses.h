// Where instances live: a stable IPv6 service address from the hoster's prefix, by hash of namespace and name.
#pragma once
#include <string>
#include <string_view>

namespace seed::model {

// `prefix` is a /48 such as "fd5e:ed00:1::/48"; service addresses lie in its subnet 1: PREFIX:1:<64 bits of SHA-256>.
std::string service_address(std::string_view prefix, std::string_view ns, std::string_view instance);
std::string generate_ula_prefix();                     // RFC 4193: fd + 40 random bits, "/48"
bool is_ipv6_prefix48(std::string_view text);
// "2001:DB8:1:2:0::/64" is "2001:db8:1:2::/64"; Failure(invalid) for everything else than a /64.
std::string canonical_block64(const std::string &text);
// The block that an IPv6 address lies in, canonical; `address` is valid text.
std::string block64_of(const std::string &address);

}  // namespace seed::model
