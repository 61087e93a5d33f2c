// seed-vm DIRECTORY: starts and supervises one virtual machine as DIRECTORY/spec.json says.  vm_protocol.h has the agreement.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/replace_file.h>
#include <seed/util/text.h>

#include "plugins/support/net/net_client.h"
#include "plugins/support/vm/qemu_command.h"
#include "plugins/support/vm/supervisor.h"

using namespace seed;
using namespace seed::vm;

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

// The pipe by whose end the plugin learns that QEMU runs, or never will; none when we were started by hand.
UniqueFd take_notice() {
    struct stat pipe {};
    if (fstat(inherited_notice, &pipe) || !S_ISFIFO(pipe.st_mode)) return {};
    fcntl(inherited_notice, F_SETFD, FD_CLOEXEC);
    return UniqueFd(inherited_notice);
}

class DescriptorPlan {  // our descriptors and the numbers they get in QEMU
public:
    int add(UniqueFd fd) {
        owned_.push_back(std::move(fd));
        pairs_.emplace_back(owned_.back().get(), next_);
        return next_++;
    }
    const std::vector<std::pair<int, int>> &pairs() const { return pairs_; }
    void add_as(int ours, int theirs) { pairs_.emplace_back(ours, theirs); }

private:
    std::vector<UniqueFd> owned_;
    std::vector<std::pair<int, int>> pairs_;
    int next_ = 3;
};

int add_channel(DescriptorPlan &plan, UniqueFd &ours) {
    SocketPair pair = make_socket_pair();
    int bytes = 1 << 20;  // a serial port writes byte by byte, and each is a buffer of its own
    setsockopt(pair.theirs.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    ours = std::move(pair.ours);
    return plan.add(std::move(pair.theirs));
}

// /dev/kvm belongs to root and the group kvm, and QEMU is neither: in a /dev of our own it belongs to the machine's uid.
void give_kvm(uid_t uid) {
    struct stat kvm {};
    if (stat("/dev/kvm", &kvm)) fail_errno("/dev/kvm");
    struct Node {
        const char *path;
        dev_t number;
        mode_t mode;
    };
    std::vector<Node> nodes = {{"/dev/kvm", kvm.st_rdev, 0600}};
    for (const char *path : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
        struct stat status {};
        if (stat(path, &status) == 0) nodes.push_back({path, status.st_rdev, 0666});
    }
    if (unshare(CLONE_NEWNS) || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
        mount("seed-vm", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k"))
        fail_errno("making a /dev for the virtual machine");
    for (const Node &node : nodes)
        if (mknod(node.path, S_IFCHR | node.mode, node.number) || chmod(node.path, node.mode)) fail_errno(node.path);
    if (chown("/dev/kvm", uid, uid)) fail_errno("/dev/kvm");
}

struct Started {
    Process qemu;
    VmChannels channels;
};

Started start_qemu(const VmSpec &spec) {
    Started result;
    DescriptorPlan plan;
    QemuDescriptors fds;
    fds.console = add_channel(plan, result.channels.console);
    fds.control = add_channel(plan, result.channels.control);
    fds.monitor = add_channel(plan, result.channels.monitor);
    auto readable = [&](const std::string &path) { return plan.add(open_file(path, O_RDONLY)); };
    fds.kernel = readable(spec.guest + "/vmlinux");
    fds.initrd = readable(spec.guest + "/initrd.cpio");
    fds.modules = readable(spec.guest + "/modules.erofs");
    fds.store = readable(spec.store);
    for (const runtime::Volume &volume : spec.boot.volumes) {
        UniqueFd image = open_file(volume.path, O_RDWR);
        struct stat status {};
        fstat(image.get(), &status);
        if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
            throw Failure(Code::invalid, "the volume '" + volume.name + "' is neither a file nor a block device");
        fds.devices.push_back(S_ISBLK(status.st_mode));
        fds.volumes.push_back(plan.add(std::move(image)));
        fds.volumes_read_only.push_back(readable(volume.path));
    }
    if (!spec.tap.empty()) {
        NetClient net(spec.net_socket);
        fds.tap = plan.add(net.tap({spec.tap, spec.tenant, spec.address6, spec.address4}));
        // We stay in the platform's network namespace, so that it outlives seed-net and can be entered again through us.
        for (const UniqueFd &space : net.namespaces())
            if (setns(space.get(), 0)) fail_errno("entering the platform's network");
    }
    if (spec.accelerator == "kvm" && spec.uid) give_kvm(spec.uid);
    Pipe complaints = make_pipe();
    result.channels.complaints = std::move(complaints.read);
    plan.add_as(complaints.write.get(), 2);

    SpawnOptions options;
    options.arguments = qemu_command(spec, fds);
    options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
    options.descriptors = plan.pairs();
    if (geteuid() == 0) options.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS;
    Cage cage;
    if (spec.uid) cage.uid = spec.uid;
    cage.read = {spec.guest};
    cage.landlock = spec.accelerator != "kvm";  // /dev/kvm and its ioctls
    cage.seccomp = false;                       // QEMU brings its own, made for what it does (-sandbox)
    options.cage = cage;
    result.qemu = Process::spawn(options);
    return result;
}

// From here on nothing of ours is more than the machine's own uid.
void drop_privileges(const VmSpec &spec) {
    Cage cage;
    if (spec.uid) cage.uid = spec.uid;
    cage.landlock = false;  // its rules would forbid signals to QEMU
    cage.network = false;
    enter_cage(cage);
    // An ordinary user's seed-net enters his namespaces again through us.
    if (!spec.uid) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int supervise() {
    UniqueFd lock = take_lock(), notice = take_notice();
    auto spec = from_json_text<VmSpec>(read_file(spec_file), spec_file);
    replace_file(pid_file, ProcessIdentity::of(getpid()).value().to_string() + "\n", 0600);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(0077);
    std::string failure;
    try {
        Started started = start_qemu(spec);
        if (auto qemu = ProcessIdentity::of(started.qemu.pid())) replace_file(qemu_file, qemu->to_string() + "\n", 0600);
        notice.reset();
        if (chdir(run_folder)) fail_errno(run_folder);
        drop_privileges(spec);
        UniqueFd listener = listen_unix(socket_file, 0600);
        Supervisor(spec, std::move(started.qemu), std::move(started.channels), std::move(listener)).run();
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
    fprintf(stderr, "seed-vm: %s\n", failure.c_str());
    return 1;
}

}  // namespace

int main(int count, char **arguments) try {
    if (count != 2) throw Failure(Code::invalid, "usage: seed-vm DIRECTORY");
    if (chdir(arguments[1])) fail_errno(arguments[1]);
    return supervise();
} catch (const std::exception &error) {
    fprintf(stderr, "seed-vm: %s\n", error.what());
    return 1;
}
