#include "core/programs/seed-fetch-proxy/connect_request.h"

#include <algorithm>
#include <charconv>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::fetch {

std::optional<ConnectRequest> parse_connect(std::string_view bytes) {
    size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (bytes.size() >= request_limit) throw Failure(Code::invalid, "the request is longer than 8 KiB");
        return std::nullopt;
    }
    if (end + 4 > request_limit) throw Failure(Code::invalid, "the request is longer than 8 KiB");
    std::string_view line = bytes.substr(0, bytes.find("\r\n"));
    size_t space = line.find(' '), second = line.find(' ', space == std::string_view::npos ? 0 : space + 1);
    if (space == std::string_view::npos || second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1."))
        throw Failure(Code::invalid, "the request is not HTTP/1.1");
    if (line.substr(0, space) != "CONNECT") throw Failure(Code::unsupported, "only https is carried");
    std::string_view authority = line.substr(space + 1, second - space - 1);
    size_t colon = authority.rfind(':');
    ConnectRequest request;
    request.size = end + 4;
    std::string_view digits = colon == std::string_view::npos ? "" : authority.substr(colon + 1);
    request.target.host = to_lower(authority.substr(0, colon));
    // An IPv6 address comes in brackets; the gate sees it as the resolver does.
    std::string &host = request.target.host;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), request.target.port);
    bool good = !host.empty() && host.size() <= 253 && host.front() != '-' && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' || c == '_';
    });
    if (!good || error != std::errc() || last != digits.data() + digits.size() || request.target.port == 0)
        throw Failure(Code::invalid, "the request names no HOST:PORT");
    return request;
}

}  // namespace seed::fetch
