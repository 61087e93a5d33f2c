// The main() of programs that supervise one machine: seed-vm DIRECTORY does as DIRECTORY/spec.json says.  vm_protocol.h has the agreement.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/replace_file.h>
#include <seed/util/text.h>

#include "plugins/support/vm/hypervisor.h"
#include "plugins/support/vm/supervisor.h"

namespace seed::vm {
namespace {

constexpr int inherited_lock = 3, inherited_notice = 4;

// The plugin took the lock and handed it to us: no moment is without it.  Started by hand, we take it ourselves.
UniqueFd take_lock() {
    struct stat ours {
    }, file{};
    if (fstat(inherited_lock, &ours) == 0 && stat(lock_file, &file) == 0 && ours.st_ino == file.st_ino &&
        ours.st_dev == file.st_dev) {
        fcntl(inherited_lock, F_SETFD, FD_CLOEXEC);
        return UniqueFd(inherited_lock);
    }
    UniqueFd lock = open_file(lock_file, O_RDWR | O_CREAT, 0600);
    if (flock(lock.get(), LOCK_EX | LOCK_NB)) throw Failure(Code::conflict, "another seed-vm serves this directory");
    return lock;
}

// The pipe by whose end the plugin learns that the hypervisor runs, or never will; none when we were started by hand.
UniqueFd take_notice() {
    struct stat pipe {};
    if (fstat(inherited_notice, &pipe) || !S_ISFIFO(pipe.st_mode)) return {};
    fcntl(inherited_notice, F_SETFD, FD_CLOEXEC);
    return UniqueFd(inherited_notice);
}

// From here on nothing of ours is more than the machine's own uid.
void drop_privileges(const VmSpec &spec) {
    Cage cage;
    if (spec.uid) cage.uid = spec.uid;
    cage.landlock = false;  // its rules would forbid signals to the hypervisor
    cage.network = false;
    enter_cage(cage);
    // An ordinary user's seed-net enters his namespaces again through us.
    if (!spec.uid) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int supervise(Hypervisor &hypervisor) {
    UniqueFd lock = take_lock(), notice = take_notice();
    auto spec = from_json_text<VmSpec>(read_file(spec_file), spec_file);
    replace_file(pid_file, ProcessIdentity::of(getpid()).value().to_string() + "\n", 0600);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(0077);
    std::string failure;
    try {
        Started started = hypervisor.start(spec);
        if (auto identity = ProcessIdentity::of(started.process.pid())) replace_file(hypervisor_file, identity->to_string() + "\n", 0600);
        notice.reset();
        if (chdir(run_folder)) fail_errno(run_folder);
        drop_privileges(spec);
        hypervisor.boot(spec, started);
        UniqueFd listener = listen_unix(socket_file, 0600);
        Supervisor(spec, hypervisor, std::move(started), std::move(listener)).run();
        return 0;
    } catch (const std::exception &error) {
        failure = error.what();
    }
    // The plugin learns the reason from the same place as any other end.
    VmState state;
    state.state = "exited";
    state.reason = "cannot start the virtual machine: " + failure;
    std::filesystem::path folder = std::filesystem::exists(state_file) || !std::filesystem::exists(run_folder) ? "." : run_folder;
    replace_file(folder / state_file, to_json_text(state), 0600);
    LogWriter(folder).write(unix_ms_now(), "seed: " + state.reason);
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, failure.c_str());
    return 1;
}

}  // namespace

int supervise_machine(int count, char **arguments, Hypervisor &hypervisor) try {
    std::string program = std::filesystem::path(arguments[0]).filename();
    if (count != 2) throw Failure(Code::invalid, "usage: " + program + " DIRECTORY");
    if (chdir(arguments[1])) fail_errno(arguments[1]);
    return supervise(hypervisor);
} catch (const std::exception &error) {
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.what());
    return 1;
}

}  // namespace seed::vm
