// Where instances live: a stable IPv6 service address from the hoster's prefix, by hash of namespace and name.
#pragma once
#include <string>
#include <string_view>

namespace seed::model {

// `prefix` is a /48 such as "fd5e:ed00:1::/48"; service addresses lie in its subnet 1: PREFIX:1:<64 bits of SHA-256>.
std::string service_address(std::string_view prefix, std::string_view ns, std::string_view instance);
std::string generate_ula_prefix();                     // RFC 4193: fd + 40 random bits, "/48"
bool is_ipv6_prefix48(std::string_view text);

}  // namespace seed::model
