#include "plugins/support/vm/machines.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>

namespace seed::vm {
namespace {

bool lock_is_held(const std::filesystem::path &folder) {
    UniqueFd lock(open((folder / lock_file).c_str(), O_RDWR | O_CLOEXEC));
    return lock && flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// The folder belongs to the machine's uid: links are not followed, what is no plain file or too long counts as nothing.
std::optional<std::string> read_untrusted(const std::filesystem::path &path, size_t limit) {
    UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || fstat(file.get(), &status) || !S_ISREG(status.st_mode)) return std::nullopt;
    try {
        return read_all(file.get(), limit);
    } catch (const Failure &) {
        return std::nullopt;
    }
}

VmState read_state(const std::filesystem::path &run) {
    VmState state;
    state.reason = "its supervisor starts";
    try {
        if (auto text = read_untrusted(run / state_file, state_bytes))
            state = from_json_text<VmState>(*text, state_file);
    } catch (const Failure &) {
        state.reason = "its state cannot be read";
    }
    if (state.state != "ready" && state.state != "exited") state.state = "starting";
    state.reason = printable(state.reason, 600);
    for (auto *ports : {&state.ipv4_only, &state.ipv4_only_udp})
        if (ports->size() > 256) ports->clear();
    if (state.remarks.size() > 64) state.remarks.resize(64);
    for (std::string &remark : state.remarks) remark = printable(remark, 400);
    return state;
}

std::optional<ProcessIdentity> read_identity(const std::filesystem::path &path) {
    auto text = read_file_if_exists(path, 4096);
    return text ? ProcessIdentity::parse(trim(*text)) : std::nullopt;
}

}  // namespace

bool carries_tcp(const runtime::Expose &expose) {
    return expose.protocol != "udp";
}
bool carries_udp(const runtime::Expose &expose) {
    return expose.protocol == "udp" || expose.protocol == "dns";
}

std::string escape(std::string_view name) {
    std::string result;
    for (char c : name) {
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                     (c == '.' && !result.empty());
        result += c == '/' ? "~" : plain ? std::string(1, c) : "%" + to_hex(std::string_view(&c, 1));
    }
    if (result.empty() || result.size() > 250)
        throw Failure(Code::invalid, "the name '" + printable(name, 80) + "' is empty or too long");
    return result;
}

bool Machine::listens_on_ipv4_only(const runtime::Expose &expose, bool udp) const {
    if (!(udp ? carries_udp(expose) : carries_tcp(expose))) return false;
    const auto &ports = udp ? state.ipv4_only_udp : state.ipv4_only;
    return std::count(ports.begin(), ports.end(), expose.port) > 0;
}

runtime::Boot Machine::boot() const {
    runtime::Boot boot;
    boot.handle = spec.boot.handle;
    boot.instance = spec.boot.instance;
    boot.image = spec.boot.image;
    boot.desired = spec.boot.desired;
    boot.state = state.state;
    boot.reason = state.reason;
    boot.started_ms = spec.started_ms;
    boot.ready_ms = state.ready_ms;
    boot.address6 = spec.address6;
    boot.address4 = spec.address4;
    if (state.state != "exited") boot.remarks = state.remarks;
    for (const runtime::Expose &expose : spec.boot.expose)
        boot.ipv4_only = boot.ipv4_only || listens_on_ipv4_only(expose, /*udp=*/false) || listens_on_ipv4_only(expose, /*udp=*/true);
    return boot;
}

std::optional<Machine> Machines::find(const std::string &handle) const {
    Machine machine;
    machine.folder = folder_of(handle);
    auto spec = read_file_if_exists(machine.folder / spec_file);
    if (!spec) return std::nullopt;
    machine.spec = from_json_text<VmSpec>(*spec, spec_file);
    machine.alive = lock_is_held(machine.folder);  // before the state: who is dead now has written his last
    machine.supervisor = read_identity(machine.folder / pid_file);
    machine.hypervisor = read_identity(machine.folder / hypervisor_file);
    machine.begun = machine.alive || machine.supervisor;
    machine.state = read_state(machine.folder / run_folder);
    if (!machine.alive && machine.state.state != "exited") {
        machine.state.state = "exited";
        machine.state.reason = machine.begun ? "its supervisor was killed, or the host was switched off" : "it was never started";
    }
    return machine;
}

std::vector<Machine> Machines::all() const {
    std::vector<Machine> result;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder_, ignored)) {
        auto spec = read_file_if_exists(entry.path() / spec_file);
        if (!spec) continue;
        try {
            auto machine = find(from_json_text<VmSpec>(*spec, spec_file).boot.handle);
            if (machine && machine->folder == entry.path()) result.push_back(std::move(*machine));
        } catch (const Failure &error) {
            if (error.code() != Code::not_found) throw error.within(entry.path().string());  // not_found: destroyed meanwhile
        }
    }
    std::sort(result.begin(), result.end(), [](const Machine &a, const Machine &b) {
        return std::tie(a.spec.started_ms, a.spec.boot.handle) < std::tie(b.spec.started_ms, b.spec.boot.handle);
    });
    return result;
}

UniqueFd take_machine_lock(const std::filesystem::path &folder) {
    UniqueFd lock = open_file(folder / lock_file, O_RDWR | O_CREAT, 0600);
    for (int tries = 0; flock(lock.get(), LOCK_EX | LOCK_NB); ++tries) {  // somebody may just be looking whether it is held
        if (tries == 20) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return lock;
}

void kill_machine(const Machine &machine) {
    using namespace std::chrono_literals;
    auto deadline = std::chrono::steady_clock::now() + 5s;
    // A seed-vm that has just been started may not have written who it is.
    std::optional<ProcessIdentity> supervisor = machine.supervisor;
    while (!supervisor && lock_is_held(machine.folder) && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(5ms);
        supervisor = read_identity(machine.folder / pid_file);
    }
    if (supervisor) supervisor->kill_and_wait();
    auto hypervisor = read_identity(machine.folder / hypervisor_file);  // it dies with seed-vm: wait until it has
    bool gone = !hypervisor || hypervisor->kill_and_wait();
    if (!gone || lock_is_held(machine.folder))
        throw Failure(Code::unavailable, "the processes of " + machine.spec.boot.handle + " do not end; trying again helps",
                      1000);
}

void ask_machine_to_stop(const Machine &machine, uint32_t grace_ms) {
    // The folder is the machine's own: make sure that this is its socket, then connect to exactly that one.
    std::filesystem::path path = machine.folder / run_folder / socket_file;
    UniqueFd socket_inode(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!socket_inode || fstat(socket_inode.get(), &status) || !S_ISSOCK(status.st_mode))
        throw Failure(Code::unavailable, "the supervisor of " + machine.spec.boot.handle + " does not listen", 200);
    UniqueFd socket = connect_unix("/proc/self/fd/" + std::to_string(socket_inode.get()));
    send_frame(socket.get(), json{{"id", 1}, {"op", "stop"}, {"args", {{"grace_ms", grace_ms}}}}.dump());
    receive_frame(socket.get(), std::chrono::seconds(5), 65536);
}

}  // namespace seed::vm
