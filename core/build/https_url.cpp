#include "core/build/https_url.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include <seed/util/text.h>

namespace seed::build {
namespace {

bool is_host(std::string_view text) {
    if (text.empty() || text.size() > 253 || text.front() == '.' || text.front() == '-' || text.find("..") != std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

}  // namespace

std::optional<std::pair<std::string, uint16_t>> parse_host_port(std::string_view text) {
    size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string host = to_lower(text.substr(0, colon));
    std::string_view digits = text.substr(colon + 1);
    uint16_t port = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!is_host(host) || error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
    return std::pair(host, port);
}

std::optional<HttpsUrl> HttpsUrl::parse(std::string_view text) {
    constexpr std::string_view scheme = "https://", marks = "-._~:/?[]@!$&()*+,;=%";
    if (!text.starts_with(scheme) || text.size() > 2048) return std::nullopt;
    std::string_view rest = text.substr(scheme.size());
    size_t slash = rest.find('/');
    std::string authority(rest.substr(0, slash));
    HttpsUrl url;
    url.path = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
    for (char c : url.path)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.find(c) != std::string_view::npos))
            return std::nullopt;
    if (authority.find(':') == std::string::npos) authority += ":443";
    auto parsed = parse_host_port(authority);
    if (!parsed) return std::nullopt;
    std::tie(url.host, url.port) = *parsed;
    return url;
}

}  // namespace seed::build
