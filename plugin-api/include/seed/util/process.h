// Starting, finding and ending processes.  No shell is ever involved; identities survive a restart of ours.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <seed/util/cage.h>
#include <seed/util/fd.h>

namespace seed {

struct SpawnOptions {
    std::vector<std::string> arguments;     // [0] is the program: absolute, or looked up in /usr/sbin:/usr/bin
    std::vector<std::string> environment;   // "NAME=value"; the parent's environment is never inherited
    std::filesystem::path directory = "/";  // working directory
    // Descriptors of the child: {ours, theirs}.  0, 1 and 2 not named here are /dev/null.  All others are closed.
    std::vector<std::pair<int, int>> descriptors;
    std::optional<Cage> cage;                    // applied last, just before exec
    std::vector<int> namespaces;                 // namespace descriptors entered in order (user first), before the cage
    unsigned new_namespaces = 0;                 // CLONE_NEW* flags unshared after entering `namespaces` (e.g. CLONE_NEWNET)
    std::vector<std::filesystem::path> cgroups;  // folders made by Cgroup; the child is in them before exec
    bool die_with_parent = true;                 // PR_SET_PDEATHSIG SIGKILL: at the end of the *thread* that spawned it
    bool outlive_parent = false;                 // double fork + setsid; pid() is the grandchild: pidfd() and signal() work,
                                                 // wait() throws, destroying leaves it running
    bool new_session = true;                     // setsid, so that kill_group reaches all it starts
};

// Which process, for ever: a pid alone may be somebody else's tomorrow.
struct ProcessIdentity {
    pid_t pid = 0;
    uint64_t start_time = 0;        // field 22 of /proc/PID/stat, clock ticks since boot
    std::string boot_id;            // /proc/sys/kernel/random/boot_id
    std::string to_string() const;  // "PID START BOOTID"
    static std::optional<ProcessIdentity> parse(std::string_view text);
    static std::optional<ProcessIdentity> of(pid_t pid);  // none when there is no such process or it is a zombie
    bool alive() const;
    // Signals exactly this process through a pidfd; false when it is gone already.
    bool signal(int number) const;
    // SIGKILL and wait until it is gone; false when it did not go within `patience`.
    bool kill_and_wait(std::chrono::milliseconds patience = std::chrono::seconds(5)) const;
    UniqueFd open_pidfd() const;  // readable when the process has ended; invalid when it is gone
};

struct ExitStatus {
    int code = 0;  // exit code, or 128 + signal number
    bool signalled = false;
    bool ok() const { return !signalled && code == 0; }
    std::string to_string() const;  // "exit code 3", "killed by signal 9 (Killed)"
};

// A child of ours.  Destroying a running one kills its whole process group and reaps it.
class Process {
public:
    Process() = default;
    static Process spawn(const SpawnOptions &options);  // throws Failure, also when exec itself failed
    Process(Process &&) noexcept;
    Process &operator=(Process &&) noexcept;
    ~Process();

    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }  // readable at its end; for poll or Asio
    bool running() const { return pid_ > 0; }
    bool has_ended() const;                     // wait() would return at once
    std::optional<ExitStatus> wait(std::chrono::milliseconds patience);  // none: still running
    ExitStatus wait();
    void signal(int number) const;
    void kill_group() const;  // SIGKILL to the process group
    pid_t release();          // no longer ours to kill or reap

private:
    pid_t pid_ = 0;
    bool group_ = false;
    bool ours_ = true;  // false: outlive_parent, neither reaped nor killed by us
    UniqueFd pidfd_;
};

struct RunResult {
    ExitStatus status;
    std::string out, err;     // each cut at `output_limit`
    bool timed_out = false;   // killed at the deadline
    bool overflowed = false;  // killed because it wrote more than `output_limit`
};
// Run to the end with captured output.  SIGKILL at `patience` or when an output exceeds `output_limit` bytes.
RunResult run(SpawnOptions options, std::chrono::milliseconds patience, size_t output_limit = 1u << 20,
              std::string_view input = {});

}  // namespace seed
