// Starting a child.  Everything that allocates happens before fork; the child makes system calls only, because a fork of a
// program with threads may do nothing else.  What fails in the child comes back through a close-on-exec pipe as a step and an
// errno.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "prepared_cage.h"

namespace seed {
namespace {

enum class Step : int { pid, fork, session, cgroup, enter_namespace, new_namespace, directory, descriptors, cage, exec };

struct Report {
    Step step;
    int error;
    int index;  // which cgroup, namespace, descriptor or cage rule
    CageStep cage_step;
    pid_t pid;  // for Step::pid
};

std::string find_program(const std::string &name) {
    if (name.find('/') != std::string::npos) return std::filesystem::absolute(name);
    for (const char *folder : {"/usr/sbin/", "/usr/bin/"})
        if (std::string path = folder + name; !name.empty() && !access(path.c_str(), X_OK)) return path;
    throw Failure(Code::not_found, "cannot start " + name + ": it is neither in /usr/sbin nor in /usr/bin; install it");
}

std::vector<char *> pointers(const std::vector<std::string> &texts) {
    std::vector<char *> result;
    for (const std::string &text : texts) result.push_back(const_cast<char *>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

// All a child needs, ready before fork.
struct Launch {
    const SpawnOptions &options;
    std::string program;
    std::vector<char *> arguments, environment;
    std::optional<PreparedCage> cage;
    std::vector<UniqueFd> cgroups;
    UniqueFd null;
    std::vector<std::pair<int, int>> descriptors;  // {ours, theirs}, sorted by theirs, 0-2 complete
    std::vector<int> moved;                        // scratch of the child: as long as `descriptors`
    Pipe reports, go;
    pid_t parent = getpid();

    explicit Launch(const SpawnOptions &wanted) : options(wanted) {
        if (options.arguments.empty()) throw Failure(Code::invalid, "cannot start a program without a name");
        for (const auto *list : {&options.arguments, &options.environment})
            for (const std::string &text : *list)
                if (text.find('\0') != std::string::npos)
                    throw Failure(Code::invalid, "cannot start " + options.arguments[0] + ": an argument holds a NUL byte");
        program = find_program(options.arguments[0]);
        arguments = pointers(options.arguments);
        environment = pointers(options.environment);
#ifdef __SANITIZE_ADDRESS__
        // The leak checker traces its own process, which a cage refuses; its programs would fail at their very end.
        static char no_leaks[] = "ASAN_OPTIONS=detect_leaks=0";
        if (options.cage) environment.insert(environment.begin(), no_leaks);
#endif
        if (options.cage) cage = prepare_cage(*options.cage, program);
        for (const auto &folder : options.cgroups) cgroups.push_back(open_file(folder / "cgroup.procs", O_WRONLY));
        null = open_file("/dev/null", O_RDWR);
        descriptors = options.descriptors;
        for (int standard : {0, 1, 2})
            if (std::none_of(descriptors.begin(), descriptors.end(), [&](auto &pair) { return pair.second == standard; }))
                descriptors.emplace_back(null.get(), standard);
        std::sort(descriptors.begin(), descriptors.end(), [](auto &a, auto &b) { return a.second < b.second; });
        for (size_t n = 0; n < descriptors.size(); ++n)
            if (descriptors[n].second < 0 || descriptors[n].first < 0 ||
                (n && descriptors[n].second == descriptors[n - 1].second))
                throw Failure(Code::invalid, "cannot start " + program + ": descriptor " + std::to_string(descriptors[n].second) +
                                                 " is named twice or invalid");
        moved.resize(descriptors.size());
        reports = make_pipe();
        go = make_pipe();
    }
};

[[noreturn]] void report(int fd, Step step, int error, int index = 0, CageStep cage_step = CageStep::none) {
    Report text{step, error, index, cage_step, 0};
    ssize_t ignored = write(fd, &text, sizeof text);
    (void)ignored;
    _exit(127);
}

void reset_signals() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < 65; ++number) sigaction(number, &standard, nullptr);  // not for KILL, STOP and glibc's own
}

// The child from fork to exec.
[[noreturn]] void become(Launch &launch) {
    const SpawnOptions &options = launch.options;
    int out = launch.reports.write.get();
    reset_signals();
    if ((options.new_session || options.outlive_parent) && setsid() < 0) report(out, Step::session, errno);
    for (size_t n = 0; n < launch.cgroups.size(); ++n)
        if (write(launch.cgroups[n].get(), "0", 1) != 1) report(out, Step::cgroup, errno, static_cast<int>(n));
    for (size_t n = 0; n < options.namespaces.size(); ++n)
        if (setns(options.namespaces[n], 0)) report(out, Step::enter_namespace, errno, static_cast<int>(n));
    if (options.new_namespaces && unshare(static_cast<int>(options.new_namespaces))) report(out, Step::new_namespace, errno);
    if (chdir(options.directory.c_str())) report(out, Step::directory, errno);

    // First out of the way of every target number, then to their places: any overlap of ours and theirs works.
    int top = std::max(launch.descriptors.back().second, 2) + 1;
    out = fcntl(out, F_DUPFD_CLOEXEC, top);
    if (out < 0) report(launch.reports.write.get(), Step::descriptors, errno);
    for (size_t n = 0; n < launch.descriptors.size(); ++n)
        if ((launch.moved[n] = fcntl(launch.descriptors[n].first, F_DUPFD_CLOEXEC, top)) < 0)
            report(out, Step::descriptors, errno, static_cast<int>(n));
    for (size_t n = 0; n < launch.descriptors.size(); ++n)
        if (dup2(launch.moved[n], launch.descriptors[n].second) < 0) report(out, Step::descriptors, errno, static_cast<int>(n));
    // Everything else closes at exec, gaps between the targets included; kernels before 5.11 lack the flag and 5.9 the call.
    int next = 0;
    for (auto [ours, theirs] : launch.descriptors) {
        if (theirs > next && syscall(SYS_close_range, next, theirs - 1, 4 /* CLOSE_RANGE_CLOEXEC */))
            report(out, Step::descriptors, errno);
        next = theirs + 1;
    }
    if (syscall(SYS_close_range, next, ~0U, 4)) report(out, Step::descriptors, errno);

    bool die = options.die_with_parent && !options.outlive_parent;
    if (launch.cage) {
        CageFailure failure = enter_prepared_cage(*launch.cage, die);
        if (failure.step != CageStep::none) report(out, Step::cage, failure.error, failure.index, failure.step);
    } else if (die) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    }
    // The parent may have ended before the line above.  0: it lies in another pid namespace, where we cannot ask.
    if (pid_t parent = getppid(); die && parent != launch.parent && parent != 0) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(launch.program.c_str(), launch.arguments.data(), launch.environment.data());
    report(out, Step::exec, errno);
}

// The middle process of a double fork: tells the grandchild's pid and stays until the parent holds it by a pidfd, so that the
// number cannot pass to somebody else in between.
[[noreturn]] void stand_between(Launch &launch) {
    setsid();
    pid_t child = fork();
    if (child == 0) become(launch);
    if (child < 0) report(launch.reports.write.get(), Step::fork, errno);
    Report text{Step::pid, 0, 0, CageStep::none, child};
    ssize_t ignored = write(launch.reports.write.get(), &text, sizeof text);
    close(launch.reports.write.get());
    close(launch.go.write.get());
    char byte;
    ignored = read(launch.go.read.get(), &byte, 1);
    (void)ignored;
    _exit(0);
}

std::string sentence(const Launch &launch, const Report &report) {
    const SpawnOptions &options = launch.options;
    auto index = static_cast<size_t>(report.index);
    switch (report.step) {
        case Step::pid:
        case Step::fork:
            return "making a process";
        case Step::session:
            return "starting a session";
        case Step::cgroup:
            return "entering the control group " + options.cgroups.at(index).string();
        case Step::enter_namespace:
            return "entering namespace number " + std::to_string(index + 1) + " of its list";
        case Step::new_namespace:
            return "making new namespaces";
        case Step::directory:
            return "entering the directory " + options.directory.string();
        case Step::descriptors:
            return "arranging its descriptors";
        case Step::cage: {
            std::string text(to_string(report.cage_step));
            if (report.cage_step == CageStep::rule) text += " (" + launch.cage->rules.at(index).path + ")";
            if (report.cage_step == CageStep::ids) text += " " + std::to_string(launch.cage->uid.value_or(0));
            return text;
        }
        case Step::exec:
            return "executing it";
    }
    return "starting it";
}

bool read_report(int fd, Report &report) {
    for (;;) {
        ssize_t n = read(fd, &report, sizeof report);
        if (n == sizeof report) return true;
        if (n == 0) return false;
        if (n > 0 || errno != EINTR) fail_errno("cannot hear from a child", n > 0 ? EIO : errno);
    }
}

// Handlers of the parent must not run in the child before it has reset them.
class BlockedSignals {
public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

ExitStatus status_of(const siginfo_t &info) {
    if (info.si_code == CLD_EXITED) return {info.si_status, false};
    return {128 + info.si_status, true};
}

void reap(pid_t pid) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace

std::string ExitStatus::to_string() const {
    if (!signalled) return "exit code " + std::to_string(code);
    return "killed by signal " + std::to_string(code - 128) + " (" + strsignal(code - 128) + ")";
}

Process Process::spawn(const SpawnOptions &options) {
    Launch launch(options);
    pid_t child;
    {
        BlockedSignals blocked;
        child = fork();
        if (child == 0) options.outlive_parent ? stand_between(launch) : become(launch);
    }
    if (child < 0) fail_errno("cannot start " + launch.program + ": making a process");
    launch.reports.write.reset();
    launch.go.read.reset();

    Process process;
    process.pid_ = child;
    process.group_ = options.new_session || options.outlive_parent;
    Report report{};
    bool failed = read_report(launch.reports.read.get(), report);
    if (failed && report.step == Step::pid) {
        process.pid_ = report.pid;
        process.ours_ = false;
    }
    process.pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
    int pidfd_error = errno;
    if (failed && report.step == Step::pid) {
        launch.go.write.reset();
        reap(child);
        failed = read_report(launch.reports.read.get(), report);
    }
    if (failed) {
        launch.go.write.reset();   // who stands between waits for it, when what he started failed before he could tell its number
        if (process.ours_) reap(child);
        process.pid_ = 0;
        fail_errno("cannot start " + launch.program + ": " + sentence(launch, report), report.error);
    }
    if (!process.pidfd_) fail_errno("cannot hold process " + std::to_string(process.pid_), pidfd_error);
    return process;
}

Process::Process(Process &&other) noexcept
    : pid_(std::exchange(other.pid_, 0)), group_(other.group_), ours_(other.ours_), pidfd_(std::move(other.pidfd_)) {}

Process &Process::operator=(Process &&other) noexcept {
    if (this == &other) return *this;
    Process ended(std::move(*this));
    pid_ = std::exchange(other.pid_, 0);
    group_ = other.group_;
    ours_ = other.ours_;
    pidfd_ = std::move(other.pidfd_);
    return *this;
}

Process::~Process() {
    if (pid_ <= 0 || !ours_) return;
    kill_group();
    reap(pid_);
}

bool Process::has_ended() const {
    pollfd wanted{pidfd_.get(), POLLIN, 0};
    return poll(&wanted, 1, 0) > 0;
}

std::optional<ExitStatus> Process::wait(std::chrono::milliseconds patience) {
    if (!ours_) throw Failure(Code::unsupported, "process " + std::to_string(pid_) + " outlives us and is not ours to wait for");
    if (pid_ <= 0) throw Failure(Code::internal, "there is no process to wait for");
    auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        pollfd wanted{pidfd_.get(), POLLIN, 0};
        int n = poll(&wanted, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
        if (n > 0) return wait();
        if (n == 0) return std::nullopt;
        if (errno != EINTR) fail_errno("cannot wait for process " + std::to_string(pid_));
    }
}

ExitStatus Process::wait() {
    if (!ours_) throw Failure(Code::unsupported, "process " + std::to_string(pid_) + " outlives us and is not ours to wait for");
    if (pid_ <= 0) throw Failure(Code::internal, "there is no process to wait for");
    siginfo_t info{};
    while (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED)) {
        if (errno == EAGAIN) {  // Asio made it non-blocking
            pollfd wanted{pidfd_.get(), POLLIN, 0};
            poll(&wanted, 1, -1);
        } else if (errno != EINTR) {
            fail_errno("cannot wait for process " + std::to_string(pid_));
        }
    }
    pid_ = 0;
    return status_of(info);
}

void Process::signal(int number) const {
    if (pid_ <= 0) return;
    if (syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) && errno != ESRCH)
        fail_errno("cannot signal process " + std::to_string(pid_));
}

void Process::kill_group() const {
    if (pid_ <= 0) return;
    // While the leader is unreaped its number, and so the group's, belongs to nobody else.
    if (ours_ && group_) kill(-pid_, SIGKILL);
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

pid_t Process::release() {
    pidfd_.reset();
    return std::exchange(pid_, 0);
}

}  // namespace seed
