#include "core/programs/seed-nix-box/command.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>

namespace seed::box {
namespace {

void limit_to(int resource, uint64_t value) {
    rlimit limit{};
    if (getrlimit(resource, &limit)) _exit(125);
    if (value < limit.rlim_max) limit.rlim_max = value;  // a hard limit is never raised
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit)) _exit(125);
}

// In the child: `fd` becomes `number`; both ends of the table are above 2 or already right (see start).
void place(int fd, int number) {
    if (fd == number) {
        fcntl(fd, F_SETFD, 0);
    } else if (dup2(fd, number) < 0) {
        _exit(125);
    }
}

}  // namespace

pid_t start(const Command &command) {
    std::vector<char *> argv;
    for (const auto &argument : command.arguments) argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<const char *> environment;
    for (const auto &variable : command.environment) environment.push_back(variable.c_str());  // the first of a name counts
    environment.insert(environment.end(), {"PATH=/usr/bin:/usr/sbin", "HOME=/home", "USER=root", "LANG=C.UTF-8", "TMPDIR=/tmp",
                                           "NIX_CONF_DIR=/etc/nix", "NIX_REMOTE=local", nullptr});
    UniqueFd null = open_file("/dev/null", O_RDWR);
    pid_t pid = fork();
    if (pid < 0) fail_errno("fork");
    if (pid) return pid;
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    if (command.address_space) limit_to(RLIMIT_AS, command.address_space);
    if (command.file_bytes) limit_to(RLIMIT_FSIZE, command.file_bytes);
    // Standard error is placed first: the only descriptors below 3 that anybody names are his own.
    place(command.err < 0 ? null.get() : command.err, 2);
    place(command.out < 0 ? null.get() : command.out, 1);
    place(command.in < 0 ? null.get() : command.in, 0);
    close_range(3, ~0u, 0);
    execvpe(argv[0], argv.data(), const_cast<char **>(environment.data()));
    std::fprintf(stderr, "seed-nix-box: not_found: cannot run %s: %m\n", argv[0]);
    _exit(125);
}

int wait_for(pid_t pid) {
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended < 0 && errno != EINTR) fail_errno("wait for a command");
        if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

int run_to_end(const Command &command) {
    return wait_for(start(command));
}

void fail_with_status(const std::string &what, int status) {
    if (status > 128) throw Failure(Code::unavailable, what + " was interrupted (killed by signal " + std::to_string(status - 128) + ")");
    throw Failure(Code::internal, what + " failed with status " + std::to_string(status));
}

std::string capture(Command command, const std::string &what, size_t limit) {
    Pipe pipe = make_pipe();
    command.out = pipe.write.get();
    pid_t pid = start(command);
    pipe.write.reset();
    std::string text;
    try {
        text = read_all(pipe.read.get(), limit);
    } catch (...) {
        kill(pid, SIGKILL);
        wait_for(pid);
        throw;
    }
    if (int code = wait_for(pid)) fail_with_status(what, code);
    return text;
}

}  // namespace seed::box
