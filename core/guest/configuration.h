// What the host tells a guest, once, before anything is mounted.  The wire form is in docs/guest-contract.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seed::guest {

struct Volume {
    std::string serial;       // of the virtio disk
    std::string mount_point;  // absolute, without ".."
    std::string user, group;  // names or numbers, resolved in the running guest
    uint32_t mode = 0755;
};
struct Expose {
    uint16_t port = 0;
    bool tcp = false, udp = false;
};
struct Configuration {
    int64_t time_ms = 0;  // unix time; 0: leave the clock alone
    std::string host_name = "localhost";
    std::string address6, address4;      // empty: no network
    std::vector<std::string> resolvers;  // addresses
    std::string search;                  // domain of the resolver's search list; empty: none
    std::string init;                    // absolute path of the first program
    std::vector<std::pair<std::string, std::string>> environment;
    std::vector<std::pair<std::string, std::string>> connections;  // name and content of /etc/seed/connect/NAME
    std::vector<Volume> volumes;
    std::vector<Expose> expose;
};

inline constexpr size_t configuration_limit = 512 * 1024;  // bytes, all lines together

// `text`: the lines without the final "end".  None, and `error` says why, when it cannot be used.
std::optional<Configuration> parse_configuration(std::string_view text, std::string &error);
// "a%20b" to "a b"; none when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> decode_field(std::string_view field);
bool is_safe_path(std::string_view path);  // absolute, no empty, "." or ".." component

}  // namespace seed::guest
