#include "core/front/ssh_refusal.h"

#include <seed/util/text.h>
#include <cstdint>

namespace seed::front {

namespace {

constexpr char disconnect = 1, too_many_connections = 12;  // RFC 4253, sections 12 and 11.1

std::string number(uint32_t value) {
    return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}
std::string text(std::string_view value) {
    return number(uint32_t(value.size())) + std::string(value);
}

}  // namespace

std::string ssh_refusal(std::string_view why) {
    std::string payload = disconnect + number(too_many_connections) + text(printable(why, 200)) + text("");
    // Length, padding length, payload and padding fill whole blocks of 8 bytes; at least 4 are padding.
    size_t padding = 8 - (5 + payload.size()) % 8;
    if (padding < 4) padding += 8;
    return "SSH-2.0-seed\r\n" + number(uint32_t(1 + payload.size() + padding)) + char(padding) + payload + std::string(padding, '\0');
}

}  // namespace seed::front
