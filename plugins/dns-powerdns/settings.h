// The configuration of dns-powerdns: a server by URL, or one that we start ourselves.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace seed::powerdns {

extern const char *const config_schema;

struct Settings {
    bool managed = false;
    std::string url, api_key;          // of a server that is there; url without final '/'
    std::vector<std::string> servers;  // of a server that is there: where it answers DNS, told to people only
    std::string listen = "127.0.0.1";  // managed: address for DNS questions
    uint16_t dns_port = 0;             // managed: 0 chooses a free one and keeps it
    bool keep = false;                 // managed: leave it running when the provider is closed
};
Settings read_settings(const nlohmann::json &config);  // throws Failure(invalid); reads api_key_file

}  // namespace seed::powerdns
