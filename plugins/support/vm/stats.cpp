#include "plugins/support/vm/stats.h"

#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::vm {
namespace {

std::string proc(pid_t pid, const char *file) {
    return read_file_if_exists("/proc/" + std::to_string(pid) + "/" + file, 1 << 20).value_or("");
}

// proc(5): the name in parentheses may hold anything; utime and stime are the 14th and 15th field.
uint64_t cpu_ms(pid_t pid) {
    std::string text = proc(pid, "stat");
    size_t end = text.rfind(')');
    if (end == std::string::npos) return 0;
    std::istringstream fields(text.substr(end + 1));
    std::string skipped;
    for (int n = 3; n < 14; ++n) fields >> skipped;
    uint64_t user = 0, system = 0;
    fields >> user >> system;
    return (user + system) * 1000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

uint64_t resident_bytes(pid_t pid) {
    std::istringstream fields(proc(pid, "statm"));
    uint64_t whole = 0, resident = 0;
    fields >> whole >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The tap as seed-vm sees it, which lives in the platform's network: what the tap sends, the guest receives.
void read_network(const Machine &machine, runtime::BootStats &into) {
    for (const std::string &line : split(proc(machine.supervisor->pid, "net/dev"), '\n')) {
        size_t colon = line.find(':');
        if (colon == std::string::npos || trim(std::string_view(line).substr(0, colon)) != machine.spec.tap) continue;
        std::istringstream fields(line.substr(colon + 1));
        uint64_t number[9] = {};
        for (uint64_t &one : number) fields >> one;
        into.sent_bytes = number[0];
        into.received_bytes = number[8];
    }
}

}  // namespace

std::optional<runtime::BootStats> stats_of(const Machine &machine) {
    if (!machine.alive || !machine.hypervisor || !machine.supervisor || !machine.hypervisor->alive()) return std::nullopt;
    runtime::BootStats stats;
    stats.handle = machine.spec.boot.handle;
    stats.cpu_ms = cpu_ms(machine.hypervisor->pid);
    stats.memory_bytes = resident_bytes(machine.hypervisor->pid);
    for (const runtime::Volume &volume : machine.spec.boot.volumes) {
        struct stat status {};
        if (stat(volume.path.c_str(), &status) == 0) stats.disk_bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    read_network(machine, stats);
    return stats;
}

}  // namespace seed::vm
