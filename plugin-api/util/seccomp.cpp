// The list of system calls a caged program may make.  Allowed is what ordinary programs need (git, ssh, Python, SQLite,
// threads, servers, and putting their own children into a narrower cage); refused are namespaces, mounts, tracing, keys, kernel
// interfaces and raw sockets.  Refusals answer EPERM, so that a program can say what it missed.
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "prepared_cage.h"

namespace seed {
namespace {

constexpr const char *allowed[] = {
    // memory
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mmap", "mprotect", "mremap", "msync",
    "munlock", "munmap",
    // files
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat",
    "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync",
    "fgetxattr", "flistxattr", "flock", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents",
    "getdents64", "getxattr", "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat",
    "listxattr", "llistxattr", "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "rename",
    "renameat", "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range",
    "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    // waiting and time
    "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "futex", "getitimer", "gettimeofday", "ioctl", "nanosleep", "pause",
    "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "setitimer", "signalfd4", "time", "timer_create", "timer_delete",
    "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "alarm",
    // processes, threads, signals
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "vfork", "get_robust_list", "getegid",
    "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
    "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "kill", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_setaffinity", "sched_yield", "set_robust_list", "set_tid_address", "setpgid", "setpriority",
    "setrlimit", "setsid", "sigaltstack", "sysinfo", "tgkill", "tkill", "uname", "wait4", "waitid", "getcpu",
    // ids: without capabilities only to what one already is
    "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    // a narrower cage for one's own children
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
    // sockets that exist; making them is below
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom", "recvmmsg",
    "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair"};

// For these a program has another way when the answer is "no such call": glibc's fallback from clone3 to clone, whose flags can
// be checked, and calls newer than our list.
constexpr const char *absent[] = {"clone3",      "io_uring_setup", "io_uring_enter", "io_uring_register",
                                  "futex_waitv", "memfd_secret"};

void require(int result, const char *what) {
    if (result < 0) fail_errno(std::string("cannot prepare the seccomp filter: ") + what, -result);
}

std::vector<sock_filter> compile(bool network, bool tcp) {
    std::unique_ptr<void, void (*)(void *)> owned(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
    scmp_filter_ctx filter = owned.get();
    if (!filter) throw Failure(Code::internal, "cannot prepare the seccomp filter: seccomp_init failed");
    require(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
    auto add = [&](uint32_t action, const char *name) {
        int number = seccomp_syscall_resolve_name(name);
        if (number >= 0) require(seccomp_rule_add(filter, action, number, 0), name);  // negative: not on this architecture
    };
    for (const char *name : allowed) add(SCMP_ACT_ALLOW, name);
    for (const char *name : absent) add(SCMP_ACT_ERRNO(ENOSYS), name);
    // clone without any CLONE_NEW*.
    constexpr uint64_t namespaces = 0x7e020000 | 0x80;
    require(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0)), "clone");
    auto socket_kind = [&](uint32_t action, uint64_t family, uint64_t type) {
        require(seccomp_rule_add(filter, action, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, family),
                                 SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, type)),
                "socket");
    };
    require(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX)), "socket");
    for (uint64_t family : {AF_INET, AF_INET6}) {
        if (network && tcp) socket_kind(SCMP_ACT_ALLOW, family, SOCK_STREAM);
        if (network) socket_kind(SCMP_ACT_ALLOW, family, SOCK_DGRAM);
    }

    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0) fail_errno("cannot prepare the seccomp filter: memfd_create");
    UniqueFd memory(fd);
    require(seccomp_export_bpf(filter, fd), "export");
    if (lseek(fd, 0, SEEK_SET) < 0) fail_errno("cannot prepare the seccomp filter: lseek");
    std::string bytes = read_all(fd);
    std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
    std::copy_n(bytes.data(), program.size() * sizeof(sock_filter), reinterpret_cast<char *>(program.data()));
    return program;
}

}  // namespace

const std::vector<sock_filter> &seccomp_filter(bool network, bool tcp) {
    static std::mutex mutex;
    static std::map<std::pair<bool, bool>, std::vector<sock_filter>> filters;
    std::lock_guard lock(mutex);
    auto &filter = filters[{network, tcp}];
    if (filter.empty()) filter = compile(network, tcp);
    return filter;
}

}  // namespace seed
