// Tries to leave its confinement.  `check` takes {"attempt": NAME, "path": .., "port": n, "count": n} and answers what became of it:
// {"ok": it worked, "remarks": [what was seen, "EACCES" of what was refused]}.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "descriptor.h"

extern char **environ;

namespace {

using nlohmann::json;

struct Result {
    bool worked = false;
    std::vector<std::string> seen;
};

Result worked() { return {true, {}}; }
Result refused() {
    const char *name = strerrorname_np(errno);
    return {false, {name ? name : "?"}};
}
Result outcome(long result) { return result < 0 ? refused() : worked(); }

Result opened(const json &request, int flags) {
    int fd = open(request.at("path").get<std::string>().c_str(), flags | O_CLOEXEC, 0600);
    Result result = outcome(fd);
    if (fd >= 0) close(fd);
    return result;
}

Result connected(int family, int type, const json &request) {
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return refused();
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(request.value("port", uint16_t{0}));
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Result result = outcome(connect(fd, reinterpret_cast<sockaddr *>(&v4), sizeof v4));
    close(fd);
    return result;
}

Result listened(const json &request) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return refused();
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(request.value("port", uint16_t{0}));
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Result result = outcome(bind(fd, reinterpret_cast<sockaddr *>(&v4), sizeof v4));
    close(fd);
    return result;
}

Result unix_connected(const json &request) {
    std::string path = request.at("path");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Result result = outcome(connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address));
    close(fd);
    return result;
}

// Children that wait until they are killed; "worked" when as many as wanted could be had.
Result fork_bomb(const json &request) {
    std::vector<pid_t> children;
    Result result = worked();
    for (int wanted = request.at("count"); static_cast<int>(children.size()) < wanted;) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) pause();
        }
        if (pid < 0) {
            result = refused();
            break;
        }
        children.push_back(pid);
    }
    for (pid_t child : children) kill(child, SIGKILL);
    for (pid_t child : children) waitpid(child, nullptr, 0);
    result.seen.push_back(std::to_string(children.size()));
    return result;
}

// Children in sessions of their own, `mib` MiB in use by each of `count`, until all have them; "worked" when none was killed.
Result memory_of_many(const json &request) {
    std::vector<pid_t> children;
    Result result = worked();
    size_t size = request.at("mib").get<size_t>() << 20;
    for (int wanted = request.at("count"); static_cast<int>(children.size()) < wanted;) {
        int ready[2];
        if (pipe2(ready, O_CLOEXEC) != 0) return refused();
        pid_t pid = fork();
        if (pid < 0) return refused();
        if (pid == 0) {
            setsid();
            void *part = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (part == MAP_FAILED) _exit(1);
            memset(part, 1, size);
            [[maybe_unused]] auto told = write(ready[1], "x", 1);
            for (;;) pause();
        }
        close(ready[1]);
        char byte;
        if (read(ready[0], &byte, 1) != 1) result.worked = false;   // killed before it had all
        close(ready[0]);
        children.push_back(pid);
    }
    if (request.value("keep", false)) return result;
    for (pid_t child : children) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) result.worked = false;
        else kill(child, SIGKILL), waitpid(child, nullptr, 0);
    }
    result.seen.push_back(result.worked ? "all lived" : "killed");
    return result;
}

// One MiB after the other, each of it used.
Result memory_bomb(const json &request) {
    std::vector<void *> parts;
    Result result = worked();
    for (int wanted = request.at("count"); static_cast<int>(parts.size()) < wanted;) {
        void *part = mmap(nullptr, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (part == MAP_FAILED) {
            result = refused();
            break;
        }
        memset(part, 1, 1u << 20);
        parts.push_back(part);
    }
    for (void *part : parts) munmap(part, 1u << 20);
    result.seen.push_back(std::to_string(parts.size()));
    return result;
}

// Files, folders and sockets that it did not open; 3 is its connection.
Result descriptors(const json &) {
    Result result;
    for (int fd = 0; fd < 4096; ++fd) {
        struct stat status {};
        if (fstat(fd, &status) != 0 || fd == 3) continue;
        bool dangerous = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISBLK(status.st_mode);
        if (dangerous) result.seen.push_back(std::to_string(fd) + " mode " + std::to_string(status.st_mode));
    }
    result.worked = !result.seen.empty();
    return result;
}

Result environment(const json &) {
    Result result;
    for (char **entry = environ; *entry; ++entry) result.seen.emplace_back(*entry);
    return result;
}

// What a program prints, run with the given arguments.
Result executed(const json &request) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return refused();
    std::string path = request.at("path");
    pid_t pid = fork();
    if (pid < 0) return refused();
    if (pid == 0) {
        dup2(ends[1], 1);
        execl(path.c_str(), path.c_str(), request.value("argument", "").c_str(), nullptr);
        _exit(errno);
    }
    close(ends[1]);
    std::string said;
    char buffer[256];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(count));
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    if (errno != 0) return refused();
    return {true, {said.substr(0, said.find('\n'))}};
}

Result dropped_program(const json &request) {
    std::string path = request.at("path");
    int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (fd < 0) return refused();
    constexpr char script[] = "#!/bin/sh\necho it runs\n";
    [[maybe_unused]] auto written = write(fd, script, sizeof script - 1);
    close(fd);
    return executed(request);
}

Result read_memory(const json &) {
    char buffer[16];
    iovec here{buffer, sizeof buffer}, there{reinterpret_cast<void *>(&environ), sizeof buffer};
    return outcome(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

const std::map<std::string, std::function<Result(const json &)>> attempts = {
    {"read", [](const json &request) { return opened(request, O_RDONLY); }},
    {"write", [](const json &request) { return opened(request, O_WRONLY | O_CREAT); }},
    {"tcp", [](const json &request) { return connected(AF_INET, SOCK_STREAM, request); }},
    {"udp", [](const json &request) { return connected(AF_INET, SOCK_DGRAM, request); }},
    {"listen", listened},
    {"raw", [](const json &) { return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }},
    {"packet", [](const json &) { return outcome(socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"netlink", [](const json &) { return outcome(socket(AF_NETLINK, SOCK_RAW, 0)); }},
    {"unix", unix_connected},
    {"fork-bomb", fork_bomb},
    {"memory-bomb", memory_bomb},
    {"memory-of-many", memory_of_many},
    {"descriptors", descriptors},
    {"environment", environment},
    {"ptrace", [](const json &) { return outcome(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr)); }},
    {"read-memory", read_memory},
    {"signal-core", [](const json &) { return outcome(kill(getppid(), 0)); }},
    {"setuid", [](const json &) { return outcome(setresuid(0, 0, 0)); }},
    {"execute", executed},
    {"dropped-program", dropped_program},
    {"no-new-privileges", [](const json &) { return outcome(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); }},
    {"namespace", [](const json &) { return outcome(unshare(CLONE_NEWUSER)); }},
    {"mount", [](const json &) { return outcome(mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"chroot", [](const json &) { return outcome(chroot("/tmp")); }},
    {"bpf", [](const json &) { return outcome(syscall(SYS_bpf, 0, nullptr, 0)); }},
    {"keys", [](const json &) { return outcome(syscall(SYS_keyctl, 0, -3, 1)); }},
    {"module", [](const json &) { return outcome(syscall(SYS_init_module, nullptr, 0, "")); }},
};


// Tells the secret of its configuration in every way there is; `check` fails with it when asked to.
struct Hostile {
    const seed_host *host;
    std::string secret;
};

seed_code check(void *self, const seed_call *call, seed_text text) {
    auto &hostile = *static_cast<Hostile *>(self);
    try {
        json request = json::parse(std::string_view(text.data, text.size));
        if (request.value("attempt", "") == "tell") {
            std::string line = "the secret is " + hostile.secret;
            hostile.host->log(hostile.host, SEED_WARN, {line.data(), line.size()});
            hostile.host->progress(call, -1, {line.data(), line.size()});
            dprintf(1, "%s\n", line.c_str());
            dprintf(2, "%s\n", json(line).dump().c_str());
            return hostile.host->fail(call, SEED_DENIED, 0, {line.data(), line.size()});
        }
        auto attempt = attempts.find(request.value("attempt", ""));
        json reply = {{"ok", true}};
        if (attempt != attempts.end()) {
            Result result = attempt->second(request);
            if (!result.worked && request.value("fail", false)) throw std::runtime_error(result.seen.empty() ? "failed" : result.seen.at(0));
            reply = {{"ok", result.worked}, {"remarks", result.seen}};
        }
        std::string said = reply.dump();
        hostile.host->reply(call, {said.data(), said.size()});
        return SEED_OK;
    } catch (const std::exception &error) {
        std::string why = error.what();
        return hostile.host->fail(call, SEED_INTERNAL, 0, {why.data(), why.size()});
    }
}

seed_code open_it(const seed_host *host, const seed_call *, seed_text config, void **self) {
    json given = json::parse(std::string_view(config.data, config.size), nullptr, false);
    *self = new Hostile{host, given.is_object() ? given.value("secret", "") : ""};
    return SEED_OK;
}
void close_it(void *self) { delete static_cast<Hostile *>(self); }
seed_code zones(void *self, const seed_call *call, seed_text) {
    auto *host = static_cast<Hostile *>(self)->host;
    constexpr char none[] = R"({"zones":[]})";
    host->reply(call, {none, sizeof none - 1});
    return SEED_OK;
}
seed_code nothing(void *self, const seed_call *call, seed_text) {
    static_cast<Hostile *>(self)->host->reply(call, {"{}", 2});
    return SEED_OK;
}

seed_code no_items(void *, const seed_call *, seed_text) { return SEED_OK; }

const seed_dns_v0 table = {sizeof(seed_dns_v0), check, zones, nothing, no_items, nothing, nothing, nothing, nullptr};

}  // namespace

extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static seed_provider provider = bad::describe("hostile", "seed.dns/0", &table);
    provider.config_schema = R"({"type":"object","additionalProperties":true,"properties":{"secret":{"type":"string","x-seed-secret":true,"description":"told to everybody"}}})";
    provider.open = open_it;
    provider.close = close_it;
    return index == 0 ? &provider : nullptr;
}
