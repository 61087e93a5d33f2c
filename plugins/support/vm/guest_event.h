// What a guest says on its control channel.  Everything it says is the word of a stranger.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seed::vm {

struct GuestEvent {
    enum class Kind { hello, started, waiting, ready, volumes, note, failed, unknown } kind = Kind::unknown;
    std::vector<uint16_t> ports;  // waiting: not listening yet; ready: TCP ports that listen on IPv4 only
    std::vector<uint16_t> udp_ports;         // ready: UDP ports that are bound on IPv4 only
    std::vector<std::string> full, damaged;  // volumes: mount points, at most 16 of each
    std::string text;             // note, failed: printable, at most 512 bytes
};
inline constexpr size_t guest_line_bytes = 4096;

// None for garbage.  Unknown events and members are no garbage: a newer guest may serve an older host.
std::optional<GuestEvent> parse_guest_line(std::string_view line);

}  // namespace seed::vm
