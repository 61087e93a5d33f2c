#include "plugins/runtime-clh/cloud_hypervisor.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>

#include "plugins/runtime-clh/file_access.h"
#include "plugins/runtime-clh/vm_config.h"
#include "plugins/support/vm/descriptors.h"

namespace seed::clh {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds api_patience(30);  // for one answer; vm.boot, the longest, takes well below a second where the host is quiet
constexpr int own_landlock_abi = 3;               // it demands that much (vmm/src/landlock.rs), Linux 6.2
constexpr size_t most_readers = 32;               // of one closure image at the moment of their start

std::string by_descriptor(int number) {
    return "/proc/self/fd/" + std::to_string(number);
}

void give(const fs::path &path, uid_t uid) {
    if (uid && lchown(path.c_str(), uid, uid)) fail_errno(path.string());
}

// Its paths are longer than a socket's may be, so we are in the folder while it is made.  A start that was interrupted may have left one.
UniqueFd listener(const std::string &name, uid_t uid) {
    UniqueFd socket = listen_unix(name, 0600, 4);
    give(name, uid);
    return socket;
}

// Both ends open for us: it never ends before the machine does, however often the other side opens it.
UniqueFd make_console(uid_t uid) {
    unlink(console_pipe);
    if (mkfifo(console_pipe, 0600)) fail_errno("the console's pipe");
    give(console_pipe, uid);
    return open_file(console_pipe, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
}

std::string last_complaint(const UniqueFd &complaints) {
    std::string bytes(8192, '\0');
    set_nonblocking(complaints.get(), true);
    ssize_t size = read(complaints.get(), bytes.data(), bytes.size());
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    std::string last(trim(bytes));
    return printable(last.substr(last.rfind('\n') + 1), 300);
}

}  // namespace

vm::Started CloudHypervisor::start(const vm::VmSpec &spec) {
    vm::Started result;
    vm::DescriptorPlan plan;
    Files files;
    files.kernel = by_descriptor(plan.add_readable(spec.guest + "/vmlinux"));
    files.initrd = by_descriptor(plan.add_readable(spec.guest + "/initrd.cpio"));
    files.modules = by_descriptor(plan.add_readable(spec.guest + "/modules.erofs"));
    UniqueFd store = open_file(spec.store, O_RDONLY);
    if (spec.uid) give_access(store.get(), spec.uid, /*write=*/false, most_readers, "the closure's image");
    files.store = by_descriptor(plan.add(std::move(store)));

    std::vector<vm::DeviceNode> nodes;
    if (!spec.device.empty()) nodes.push_back(vm::existing_device(spec.device));
    for (const runtime::Volume &volume : spec.boot.volumes) {
        vm::VolumeImage image = vm::open_volume(volume.name, volume.path);
        if (image.device && spec.uid) {
            nodes.push_back({"/dev/" + vm::serial_of_volume(files.volumes.size()), image.number, /*block=*/true});
            files.volumes.push_back(nodes.back().path);
            continue;
        }
        if (spec.uid) give_access(image.fd.get(), spec.uid, /*write=*/true, 1, "the volume '" + volume.name + "'");
        files.volumes.push_back(by_descriptor(plan.add(std::move(image.fd))));
    }
    if (!spec.tap.empty()) tap_ = vm::enter_network(spec);

    fs::path run = fs::current_path() / vm::run_folder;
    if (chdir(vm::run_folder)) fail_errno(vm::run_folder);
    result.channels.console = make_console(spec.uid);
    result.channels.control_listener = listener(control_socket(), spec.uid);
    unlink(vsock_socket);
    Numbers numbers;
    numbers.api = plan.add(listener(api_socket, spec.uid));
    Pipe events = make_pipe(), complaints = make_pipe();
    result.channels.monitor = std::move(events.read);
    numbers.events = plan.add(std::move(events.write));
    result.channels.complaints = std::move(complaints.read);
    plan.add_as(complaints.write.get(), 2);
    if (chdir("..")) fail_errno("the machine's directory");
    if (spec.uid) vm::make_own_dev(spec.uid, nodes);

    bool landlock = landlock_abi() >= own_landlock_abi;
    config_ = vm_config(spec, files, landlock);
    SpawnOptions options;
    options.arguments = command_line(spec, numbers, landlock);
    options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
    options.directory = run;
    options.descriptors = plan.pairs();
    if (geteuid() == 0) options.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS;
    Cage cage;
    if (spec.uid) cage.uid = spec.uid;
    cage.landlock = false;  // it brings its own, made for what it opens, and so it is with seccomp
    cage.seccomp = false;
    options.cage = cage;
    result.process = Process::spawn(options);
    return result;
}

void CloudHypervisor::boot(const vm::VmSpec &spec, vm::Started &started) try {
    ApiClient api(api_socket, [&] { return started.process.has_ended(); });
    bring_up(api, config_, net_config(spec), tap_.get(), api_patience);
    tap_.reset();
} catch (const Failure &failure) {
    std::string text = failure.what();
    if (auto status = started.process.wait(std::chrono::milliseconds(100))) text += " (it ended: " + status->to_string() + ")";
    if (std::string last = last_complaint(started.channels.complaints); !last.empty()) text += "; its last words: " + last;
    throw Failure(failure.code(), text);
}

}  // namespace seed::clh
