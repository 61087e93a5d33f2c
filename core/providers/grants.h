// What a provider asks for in its configuration schema and the hoster grants by configuring it:
//
//   a text member with "x-seed-path": "read" or "write"        the file or folder named there
//   a number or text member with "x-seed-port": 53             the TCP port named there: 8053, "HOST:8053", "https://HOST/";
//                                                              53 is that of a text which names none
//   at the top, "x-seed-needs": {"network": "none", "memory_mib": 512, "processes": 64, "tcp_ports": [443],
//                                      "lasting_programs": true}
//
// Who names a port at all, in either way, connects to those ports only and listens on none.
//
// Nothing is asked at run time: the manifest beside the plugin tells the schema before any of its code runs.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <seed/util/cage.h>

namespace seed::providers {

using json = nlohmann::json;

struct Grants {
    std::vector<std::string> read_paths, write_paths;   // absolute; those of the configuration
    bool network = true;
    std::optional<std::vector<uint16_t>> tcp_ports;     // to connect to; none: any
    uint64_t memory_bytes = 0, processes = 0;           // 0: not asked
    bool lasting_programs = false;                      // what it starts may outlive its host
};

// Throws Failure(invalid) naming the member when a path is not absolute or leads up.
Grants grants_of(const std::string &plugin, const json &config_schema, const json &config);

// Makes the folders that may be written, owned by `uid` (0: nobody in particular), and refuses those that are somebody else's or
// that hold `state_directory`'s neighbours.  Throws Failure with the remedy.
void prepare_paths(const std::string &plugin, const Grants &grants, const std::string &state_directory, uid_t uid);

}  // namespace seed::providers
