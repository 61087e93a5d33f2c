// seed-net: owns the platform's network.  docs/network.md.
//
//   1. lock the state directory
//   2. not root: enter or make the user namespace
//   3. fork the host side, which stays in the host's network namespace
//   4. enter or make the platform's network namespace
//   5. give up what is not needed any more, serve
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seed/util/file.h>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "plugins/support/net/capabilities.h"
#include "plugins/support/net/server.h"

namespace {

using namespace seed;

struct Arguments {
    std::filesystem::path state;
    pid_t adopt = 0;
    bool uplink = true;
    bool user = geteuid() != 0;
};

Arguments parse(int count, char **values) {
    Arguments result;
    for (int n = 1; n < count; ++n) {
        const std::string_view name = values[n];
        if (name == "--user") {
            result.user = true;
            continue;
        }
        if (n + 1 == count) throw Failure(Code::invalid, std::string(name) + " needs a value, or is unknown");
        const std::string_view value = values[++n];
        if (name == "--state")
            result.state = std::filesystem::absolute(value);
        else if (name == "--adopt") {
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result.adopt);
            if (error != std::errc() || *end || result.adopt <= 0)
                throw Failure(Code::invalid, "--adopt needs the id of a process");
        } else if (name == "--uplink" && (value == "auto" || value == "none"))
            result.uplink = value == "auto";
        else
            throw Failure(Code::invalid, "usage: seed-net --state DIR [--adopt PID] [--uplink auto|none] [--user]");
    }
    if (result.state.empty())
        throw Failure(Code::invalid, "usage: seed-net --state DIR [--adopt PID] [--uplink auto|none] [--user]");
    return result;
}

UniqueFd lock_directory(const std::filesystem::path &directory) {
    make_directory(directory, 0700);
    UniqueFd lock = open_file(directory / "net.lock", O_RDWR | O_CREAT, 0600);
    if (flock(lock.get(), LOCK_EX | LOCK_NB))
        throw Failure(Code::conflict, directory.string() + " is served by another seed-net");
    return lock;
}

// The namespace of a process that must not be the host's: we would change the host's own network.
UniqueFd network_of(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
    UniqueFd space(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat theirs {
    }, ours{};
    if (!space) fail_errno("--adopt " + std::to_string(pid));
    fstat(space.get(), &theirs);
    if (stat("/proc/self/ns/net", &ours) == 0 && ours.st_ino == theirs.st_ino)
        throw Failure(Code::invalid,
                      "--adopt " + std::to_string(pid) + ": that process is in this network namespace, not in a platform's");
    return space;
}

void enter_user_namespace(pid_t adopt) {
    if (adopt) {
        UniqueFd space = open_file("/proc/" + std::to_string(adopt) + "/ns/user", O_RDONLY);
        if (setns(space.get(), CLONE_NEWUSER)) fail_errno("seed-net: the user namespace of process " + std::to_string(adopt));
        return;
    }
    const std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
    if (unshare(CLONE_NEWUSER))
        fail_errno(
            "seed-net: a user namespace (they must be allowed: sysctl kernel.unprivileged_userns_clone, "
            "user.max_user_namespaces)");
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + uid + " 1");
    write_file("/proc/self/gid_map", "0 " + gid + " 1");
}

}  // namespace

int main(int count, char **values) try {
    const Arguments arguments = parse(count, values);
    umask(0077);
    UniqueFd lock = lock_directory(arguments.state);
    UniqueFd network = arguments.adopt ? network_of(arguments.adopt) : UniqueFd();
    if (arguments.user) enter_user_namespace(arguments.adopt);
    net::HostSide host = net::HostSide::start();
    if (network ? setns(network.get(), CLONE_NEWNET) : unshare(CLONE_NEWNET)) fail_errno("seed-net: the network namespace");
    network.reset();
    net::keep_capabilities({CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL}, {});
    net::Server(
        {.directory = arguments.state, .user = arguments.user, .adopted = arguments.adopt != 0, .uplink = arguments.uplink},
        std::move(host))
        .serve();
    return 0;
} catch (const std::exception &error) {
    fprintf(stderr, "seed-net: %s\n", error.what());
    return 1;
}
