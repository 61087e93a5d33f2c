// Which addresses are somebody else's on the public internet.  What a name resolves to is a stranger's choice: nothing of this
// machine, its networks or its cloud's metadata service may be reached because of it.
#pragma once
#include <boost/asio/ip/address.hpp>

#include <string>

namespace seed::fetch {

// Why it may not be connected to ("a private address"); empty: it is public.  Judges the IPv4 address inside of mapped and NAT64
// addresses.  Reserved ranges: IANA's special-purpose registries (RFC 6890 and later).
std::string not_public(const boost::asio::ip::address &address);
// It is one of this machine's own.  Asks the kernel for a route; sends nothing.
bool is_own(const boost::asio::ip::address &address);

}  // namespace seed::fetch
