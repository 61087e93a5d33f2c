// seed-nix-box: one step of Nix in namespaces of its own, on the private store of one namespace of the platform.
//
// As root the box has host uids 600000+65536 as its 0..65535, and the store is a size-limited disk image that is mounted only
// here. As an ordinary user it has that one uid, and the store is a folder.  Either way: its own mounts, pids, IPC, host name,
// and a network with nothing but loopback (a step may have a door in it, see door.h).  Control groups are joined before we start (SpawnOptions::cgroups); the deadline is
// the caller's SIGKILL, and everything dies with us.
//
// Messages about the box itself go to stderr as "seed-nix-box: CODE: text" with status 125; all else comes from the command.  Status 122: the
// host's disk did not take all of what was written, whatever the command said; the store has been given up.
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <seed/util/cage.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/log.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/door.h"
#include "core/programs/seed-nix-box/options.h"
#include "core/programs/seed-nix-box/store_image.h"
#include "core/programs/seed-nix-box/tree.h"

namespace seed::box {
namespace {

constexpr unsigned id_count = 65536;

void own_mounts() {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)) fail_errno("make the mounts private");
}

void loopback_up() {
    UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!any || ioctl(any.get(), SIOCSIFFLAGS, &request)) fail_errno("bring up loopback");
}

// Both maps, written from outside: only the parent may map more ids than its own.
void write_maps(pid_t pid, bool root) {
    std::string process = "/proc/" + std::to_string(pid);
    if (root) {
        std::string map = "0 " + std::to_string(uids::nix_base) + " " + std::to_string(id_count) + "\n";
        write_file(process + "/uid_map", map);
        write_file(process + "/gid_map", map);
        return;
    }
    // Our own id stays what it is: as uid 0 Nix would call setgroups, which one id alone may not.
    write_file(process + "/setgroups", "deny");
    write_file(process + "/uid_map", std::to_string(geteuid()) + " " + std::to_string(geteuid()) + " 1\n");
    write_file(process + "/gid_map", std::to_string(getegid()) + " " + std::to_string(getegid()) + " 1\n");
}

void die_with_parent(int gate) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) fail_errno("tie the box to its parent");
    pollfd parent{gate, POLLIN, 0};  // the other end closes when the parent dies: before the line above that was not noticed
    if (poll(&parent, 1, 0) > 0 && (parent.revents & (POLLHUP | POLLERR))) _exit(125);
}

// PID 1 of the box.
int live(const Options &options, const Store *store, int gate, bool root) {
    char go = 0;
    if (recv(gate, &go, 1, 0) != 1) _exit(125);
    if (root) {
        if (setresgid(0, 0, 0) || setgroups(0, nullptr) || setresuid(0, 0, 0)) fail_errno("take the box's ids");
    }
    die_with_parent(gate);
    own_mounts();
    if (!root) mount_tree(options, *store, options.state / "root", /*build_users=*/false);
    enter_tree(options);
    loopback_up();
    if (options.door >= 0) open_door(options.door);
    if (sethostname("build", 5)) fail_errno("set the host name");
    umask(022);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail_errno("refuse new privileges");
    rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // The gate stays open on the parent's side only; here nothing but the three standard descriptors lives on.
    close_range(3, ~0u, 0);
    return run_action(options);
}

constexpr int store_given_up = 122;

int fail(const Failure &failure) {
    std::fprintf(stderr, "seed-nix-box: %s: %s\n", std::string(to_string(failure.code())).c_str(), failure.what());
    return 125;
}

template <typename Work>
int guarded(Work work) {
    try {
        return work();
    } catch (const Failure &failure) {
        return fail(failure);
    } catch (const std::exception &error) {
        return fail(Failure(Code::internal, error.what()));
    }
}

int wait_for_box(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) fail_errno("wait for the box");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run(int argc, char **argv) {
    Options options = parse_options(argc, argv);
    const bool root = geteuid() == 0;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    make_directory(options.state, 0700);
    if (root) {
        if (unshare(CLONE_NEWNS)) fail_errno("make a mount namespace");
        own_mounts();
    }
    Store store = open_store(options, /*use_image=*/root, root ? uids::nix_base : geteuid());
    if (!store.remark.empty()) std::fprintf(stderr, "seed-nix-box: remark: %s\n", store.remark.c_str());
    if (root && !options.output.empty()) change_owner(options.output, uids::nix_base, uids::nix_base);
    if (root)
        mount_tree(options, store, options.state / "root", /*build_users=*/true);
    else
        make_directory(options.state / "root", 0755);

    int gate[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate)) fail_errno("socketpair");
    const long flags =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD;
    pid_t pid = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
    if (pid < 0 && (errno == EPERM || errno == ENOSPC))
        throw Failure(Code::unsupported,
                      "this machine refuses user namespaces: allow them (sysctl kernel.unprivileged_userns_clone=1, "
                      "user.max_user_namespaces) or run as root");
    if (pid < 0) fail_errno("make the box's namespaces");
    if (pid == 0) {
        close(gate[1]);
        _exit(guarded([&] { return live(options, &store, gate[0], root); }));
    }
    close(gate[0]);
    try {
        write_maps(pid, root);
        if (send(gate[1], "g", 1, MSG_NOSIGNAL) != 1) fail_errno("start the box");
    } catch (...) {
        kill(pid, SIGKILL);
        wait_for_box(pid);
        throw;
    }
    int code = wait_for_box(pid);
    // seedd logs it; what we are part of is in our environment, where `ps e` shows it too.
    const char *call = std::getenv("SEED_CALL");
    if (call && logs(LogLevel::debug))
        std::fprintf(stderr, "seed-nix-box: note: %s ended with %d for %s\n", options.action[0].c_str(), code, call);
    if (!settle_store(options, store)) return store_given_up;
    if (options.trim && code == 0) trim_store(store);
    return code;
}

}  // namespace
}  // namespace seed::box

int main(int argc, char **argv) {
    return seed::box::guarded([&] { return seed::box::run(argc, argv); });
}
