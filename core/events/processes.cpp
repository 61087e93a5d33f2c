#include "core/events/processes.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <set>
#include <vector>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::events {
namespace {

struct Seen {
    int pid = 0, parent = 0;
    uint64_t pages = 0;
    std::string name;
    bool ours = false;
};

// proc(5): "pid (name) state ppid ..."; the name may hold anything, so it ends at the last bracket.
bool read_stat(int pid, Seen &seen) {
    std::optional<std::string> text;
    try {
        text = read_file_if_exists("/proc/" + std::to_string(pid) + "/stat");
    } catch (const std::exception &) {  // it has just ended
        return false;
    }
    if (!text) return false;
    size_t open = text->find('('), close = text->rfind(')');
    if (open == text->npos || close == text->npos || close < open) return false;
    seen.pid = pid;
    seen.name = text->substr(open + 1, close - open - 1);
    auto fields = split(std::string_view(*text).substr(close + 2), ' ');
    if (fields.size() < 22) return false;
    std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), seen.parent);
    std::from_chars(fields[21].data(), fields[21].data() + fields[21].size(), seen.pages);
    return true;
}

bool is_root(const Seen &seen, const std::string &state_directory) {
    if (seen.pid == getpid()) return true;
    if (!seen.name.starts_with("seed-")) return false;
    try {
        std::string words = read_file("/proc/" + std::to_string(seen.pid) + "/cmdline");
        return words.find(state_directory + "/") != words.npos;
    } catch (const std::exception &) {
        return false;
    }
}

std::string program_of(const std::string &name) {
    if (name.starts_with("qemu-system")) return "qemu";
    if (name == "cloud-hyperviso") return "cloud-hypervisor";
    static const std::set<std::string> own = {"seedd", "seed-session", "seed-http", "seed-plugin-host", "seed-nix-box", "seed-hook",
                                              "seed-net", "seed-edge", "seed-vm", "seed-vm-clh", "pdns_server", "pasta", "git"};
    if (name == "seed-plugin-hos") return "seed-plugin-host";  // the kernel keeps 15 characters
    if (name == "seed-fetch-prox") return "seed-fetch-proxy";
    return own.contains(name) ? name : "other";
}

}  // namespace

std::map<std::string, ProcessUse> platform_processes(const std::string &state_directory) {
    std::map<int, Seen> all;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator("/proc", ignored)) {
        std::string name = entry.path().filename();
        int pid = 0;
        auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (error != std::errc() || end != name.data() + name.size()) continue;
        Seen seen;
        if (!read_stat(pid, seen)) continue;
        seen.ours = is_root(seen, state_directory);
        all.emplace(pid, std::move(seen));
    }
    for (bool more = true; more;) {
        more = false;
        for (auto &[pid, seen] : all) {
            if (seen.ours) continue;
            auto parent = all.find(seen.parent);
            if (parent != all.end() && parent->second.ours) seen.ours = more = true;
        }
    }
    static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    std::map<std::string, ProcessUse> use;
    for (const auto &[pid, seen] : all) {
        if (!seen.ours) continue;
        auto &one = use[program_of(seen.name)];
        ++one.count;
        one.resident_bytes += seen.pages * page;
    }
    return use;
}

}  // namespace seed::events
