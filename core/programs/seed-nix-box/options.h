// The command line of seed-nix-box, checked.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace seed::box {

struct Options {
    std::filesystem::path state;      // the namespace's own folder; 0700, made when absent
    uint64_t store_bytes = 0;         // size of the store image; 0: a plain folder
    uint64_t tmp_bytes = 1ull << 30;  // of /tmp in the box (RAM)
    uint64_t address_space = 0;       // RLIMIT_AS of commands; 0: none.  For hosts without control groups
    unsigned wait_seconds = 60;       // for another box that holds the same store
    std::string source;               // git tree id: its unpacked folder becomes /src, read-only
    std::filesystem::path output;     // folder that becomes /out, writable
    std::filesystem::path lock_file;  // seen as /src/flake.lock instead of the source's own
    std::vector<std::string> needs;   // store paths that must be there: inputs of the source
    int door = -1;                    // socket to seed-fetch-proxy: gets a listener of the box's loopback; -1: no way out
    std::filesystem::path certificates;  // CA certificates (PEM) for what goes through the door
    bool trim = false;                // give freed blocks of the image back to the host afterwards
    std::vector<std::string> action;  // [0]: exec, unpack, fetch, evaluate, build, image, collect
};

// Throws Failure(invalid).
Options parse_options(int argc, char **argv);
std::string usage();
// Tree ids, generations and instance names become parts of paths: [A-Za-z0-9] first, then also '.', '_' and '-'; at most 128.
const std::string &checked_component(const std::string &text, const char *what);
std::string checked_store_path(const std::string &text);  // "/nix/store/" and one component
uint64_t parse_bytes(const std::string &text, const char *what);

}  // namespace seed::box
