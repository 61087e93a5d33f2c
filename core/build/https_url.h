// The only addresses that are fetched from: https://HOST[:PORT]/PATH, without user names, white space or quotes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace seed::build {

struct HttpsUrl {
    std::string host;  // lower case; a name or an IPv4 address, which is judged where it is connected to
    uint16_t port = 443;
    std::string path;  // from the first '/' on, query included
    static std::optional<HttpsUrl> parse(std::string_view text);
};

// "HOST:PORT" with a port from 1; none when it is anything else.
std::optional<std::pair<std::string, uint16_t>> parse_host_port(std::string_view text);

}  // namespace seed::build
