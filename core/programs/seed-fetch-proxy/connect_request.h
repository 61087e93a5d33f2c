// The one request this proxy understands: CONNECT HOST:PORT (RFC 9110, section 9.3.6).  Its bytes come from whatever runs in a box.
#pragma once
#include <optional>
#include <string_view>

#include "core/programs/seed-fetch-proxy/gate.h"

namespace seed::fetch {

inline constexpr size_t request_limit = 8192;

struct ConnectRequest {
    Target target;
    size_t size = 0;  // bytes of the request; what follows belongs to the tunnel
};

// None: not complete yet.  Throws Failure: unsupported for another method (plain http among them), invalid for everything else.
std::optional<ConnectRequest> parse_connect(std::string_view bytes);

}  // namespace seed::fetch
