#include "core/guest/ports.h"

#include <algorithm>

namespace seed::guest {
namespace {

bool contains(const std::vector<uint16_t> &ports, uint16_t port) {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
}

}  // namespace

// A line: "   0: 0100007F:1F90 00000000:0000 0A ..."; addresses are 32-bit words in the machine's order, the state is
// hexadecimal.
void add_listeners(std::string_view text, bool v6, bool udp, Listeners &into) {
    size_t width = v6 ? 32 : 8;
    while (!text.empty()) {
        size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        size_t colon = line.find(": ");
        if (colon == std::string_view::npos) continue;
        line.remove_prefix(colon + 2);
        if (line.size() < 2 * (width + 5) + 4 || line[width] != ':') continue;
        std::string_view address = line.substr(0, width), state = line.substr(2 * (width + 5) + 2, 2);
        if (state != (udp ? "07" : "0A")) continue;
        bool loopback = v6 ? address == "00000000000000000000000001000000" ||
                                 (address.substr(0, 24) == "0000000000000000FFFF0000" && address.substr(30) == "7F")
                           : address.substr(6) == "7F";
        if (loopback) continue;
        uint32_t port = 0;
        for (char c : line.substr(width + 1, 4)) {
            uint32_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 0;
            port = port * 16 + digit;
        }
        bool mapped = v6 && address.substr(0, 24) == "0000000000000000FFFF0000";
        auto &ports = v6 && !mapped ? into.v6 : into.v4;
        if (!contains(ports, static_cast<uint16_t>(port))) ports.push_back(static_cast<uint16_t>(port));
    }
}

Readiness judge(const std::vector<Expose> &expose, const Listeners &tcp, const Listeners &udp) {
    Readiness result;
    for (const Expose &one : expose) {
        if (one.udp && contains(udp.v4, one.port) && !contains(udp.v6, one.port)) result.ipv4_only_udp.push_back(one.port);
        if (!one.tcp) continue;
        bool v6 = contains(tcp.v6, one.port), v4 = contains(tcp.v4, one.port);
        if (!v4 && !v6) {
            result.ready = false;
            result.missing.push_back(one.port);
        } else if (!v6) {
            result.ipv4_only.push_back(one.port);
        }
    }
    return result;
}

}  // namespace seed::guest
