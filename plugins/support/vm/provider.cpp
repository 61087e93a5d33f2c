#include "plugins/support/vm/provider.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include <seed/util/cage.h>
#include <seed/util/cgroup.h>
#include <seed/util/file.h>
#include <seed/util/log.h>
#include <seed/util/text.h>

#include "plugins/support/vm/accelerator.h"
#include "plugins/support/vm/stats.h"

namespace seed::vm {
namespace fs = std::filesystem;
namespace {

constexpr uint32_t slots = 9000;             // of uids, taps and IPv4 addresses
constexpr std::chrono::seconds start_patience(5);   // of who starts a machine, with its supervisor

NetworkSettings network_settings(const ProviderSettings &settings, const fs::path &state) {
    NetworkSettings result{state, settings.prefix6, settings.zone, settings.dns, 0, 0};
    if (settings.loopback_ports.empty()) return result;
    auto parts = split(settings.loopback_ports, '-');
    int first = parts.size() == 2 ? std::atoi(parts[0].c_str()) : 0, last = parts.size() == 2 ? std::atoi(parts[1].c_str()) : 0;
    if (first < 1 || last > 65535 || first > last)
        throw Failure(Code::invalid, "loopback_ports: '" + settings.loopback_ports + "' is no range of ports; write 20000-20999");
    result.first_port = static_cast<uint16_t>(first);
    result.last_port = static_cast<uint16_t>(last);
    return result;
}

bool is_key(const std::string &key) {
    return key.size() == 64 && key.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_start(const runtime::StartRequest &request) {
    auto refuse = [&](const std::string &why) {
        throw Failure(Code::invalid, "start " + printable(request.handle, 80) + ": " + why);
    };
    auto parts = split(request.handle, '/');
    if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[2].empty() ||
        request.instance != parts[0] + "/" + parts[1])
        refuse("the handle is not INSTANCE/BOOTID");
    if (!is_key(request.image)) refuse("the image's key is malformed");
    if (!request.init.starts_with("/nix/store/") || request.init.find("..") != std::string::npos)
        refuse("init lies outside /nix/store");
    if (request.vcpus < 1 || request.vcpus > 64) refuse("a machine has 1 to 64 processors");
    if (request.memory_mib < 64 || request.memory_mib > (1u << 20)) refuse("a machine has 64 MiB to 1 TiB of memory");
    if (request.volumes.size() > 16) refuse("a machine has at most 16 volumes");
    for (const runtime::Volume &volume : request.volumes) {
        fs::path mount(volume.mount_point);
        if (!mount.is_absolute() || mount.lexically_normal() != mount || mount == "/" || !mount.has_filename())
            refuse("the mount point '" + printable(volume.mount_point, 80) + "' is not a plain absolute path");
        if (volume.mode.empty() || volume.mode.size() > 4 || volume.mode.find_first_not_of("01234567") != std::string::npos)
            refuse("the mode '" + printable(volume.mode, 20) + "' is not octal");
    }
}

}  // namespace

Provider::Provider(const plugin::Host &host, ProviderSettings settings, Hypervising hypervising)
    : host_(host),
      settings_(std::move(settings)),
      hypervising_(std::move(hypervising)),
      state_(host.state_directory()),
      machines_(state_ / "vms"),
      logs_(state_ / "logs", machines_),
      network_(network_settings(settings_, state_), host_) {
    if (settings_.guest.empty()) settings_.guest = (program_directory().parent_path() / "guest").string();
    if (settings_.platform.empty()) settings_.platform = "q" + sha256_hex(state_.string()).substr(0, 10);
    for (const char *folder : {"vms", "images", "trash"}) make_directory(state_ / folder, folder[0] == 'v' ? 0711 : 0700);
}

// Machines outlive us, and the network outlives us with them; without any there is nothing to keep it for.
Provider::~Provider() {
    try {
        std::vector<Machine> all = machines_.all();
        if (std::none_of(all.begin(), all.end(), [](const Machine &machine) { return machine.alive; })) network_.quit();
    } catch (const std::exception &error) {
        host_.log(SEED_WARN, std::string("the network was not ended: ") + error.what());
    }
}

runtime::CheckReply Provider::check(plugin::Call &) {
    runtime::CheckReply reply;
    auto problem = [&](const std::string &text) {
        reply.ok = false;
        reply.remarks.push_back(text);
    };
    Ability ability = look_at_host();
    reply.accelerator = ability.accelerator;
    reply.remarks = ability.remarks;
    for (const std::string &text : ability.problems) problem(text);
    for (const char *file : {"vmlinux", "initrd.cpio", "modules.erofs"})
        if (access((fs::path(settings_.guest) / file).c_str(), R_OK))
            problem(settings_.guest + "/" + file + " is missing; run tools/guest-image/build, or set 'guest'");
    if (geteuid() == 0 && !Cgroup::available())
        reply.remarks.push_back("no limits for machines: " + Cgroup::unavailable_reason());
    try {
        std::lock_guard lock(mutex_);
        for (const auto &remark : network_.ensure(machines_.all()).value("remarks", std::vector<std::string>{}))
            reply.remarks.push_back("network: " + remark);
    } catch (const Failure &error) {
        problem(error.what());
    }
    if (!reply.ok) reply.accelerator = "none";
    return reply;
}

runtime::PrepareReply Provider::prepare(plugin::Call &, const runtime::PrepareRequest &request) {
    if (!is_key(request.key)) throw Failure(Code::invalid, "prepare: the key is not 64 hexadecimal digits");
    if (!request.image.starts_with("/")) throw Failure(Code::invalid, "prepare: the image's path is not absolute");
    UniqueFd image = open_file(request.image, O_RDONLY);
    unsigned char magic[4] = {};
    if (pread(image.get(), magic, 4, 1024) != 4 || magic[0] != 0xe2 || magic[1] != 0xe1 || magic[2] != 0xf5 ||
        magic[3] != 0xe0)
        throw Failure(Code::invalid, "prepare: " + request.image + " is no erofs image");
    std::lock_guard lock(mutex_);
    fs::path kept = state_ / "images" / request.key;
    struct stat there {
    }, here{};
    if (stat(kept.c_str(), &there) == 0 && fstat(image.get(), &here) == 0 && there.st_size == here.st_size)
        return {request.key};
    fs::path fresh = state_ / "trash" / ("image-" + request.key);
    std::error_code ignored;
    fs::remove(fresh, ignored);
    // A link keeps the bytes also when the maker of the image removes his name of it; between file systems a path must do.
    if (link(request.image.c_str(), fresh.c_str())) fs::create_symlink(request.image, fresh);
    fs::rename(fresh, kept);
    return {request.key};
}

runtime::Boot Provider::start(plugin::Call &call, const runtime::StartRequest &request) {
    check_start(request);
    std::unique_lock lock(mutex_);
    call.check();  // others were before it
    std::optional<Machine> machine = machines_.find(request.handle);
    if (machine && machine->begun) return machine->boot();
    UniqueFd held;  // from before it can be seen: nobody shall take one on its way for one that ended
    if (!machine) machine = make_machine(request, held, printable(call.request_id(), 100));
    call.check();
    network_.ensure(machines_.all());
    if (!held) held = take_machine_lock(machine->folder);
    if (!held) return need(request.handle).boot();
    UniqueFd started = spawn(*machine, std::move(held));
    lock.unlock();
    pollfd wait{started.get(), POLLIN, 0};   // its end; a supervisor that takes long is told of below all the same
    poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(start_patience).count()));
    lock.lock();
    // Beside the guest's boot, whose kernel has no use for the network yet.  Until then its tap may not speak at all.
    try {
        network_.apply(machines_.all(), Network::Unchanged::skip);
    } catch (const Failure &) {   // one that nobody can reach is not left running
        kill_machine(need(request.handle));
        throw;
    }
    return need(request.handle).boot();
}

runtime::Boot Provider::inspect(plugin::Call &, const runtime::HandleRequest &request) { return need(request.handle).boot(); }

runtime::ListReply Provider::list(plugin::Call &) {
    runtime::ListReply reply;
    for (const Machine &machine : machines_.all()) reply.boots.push_back(machine.boot());
    return reply;
}

void Provider::logs(plugin::Call &call, const runtime::LogsRequest &request) { logs_.stream(call, request); }

void Provider::wait(plugin::Call &call, const runtime::WaitRequest &request) {
    std::map<std::string, std::string> told;
    for (;;) {
        // First the watches, then the look: no change falls between them.
        UniqueFd gathered(epoll_create1(EPOLL_CLOEXEC)), changes(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (!gathered || !changes) fail_errno("watching machines");
        auto gather = [&](int fd) {
            epoll_event event{};
            event.events = EPOLLIN;
            if (fd >= 0) epoll_ctl(gathered.get(), EPOLL_CTL_ADD, fd, &event);
        };
        gather(changes.get());
        inotify_add_watch(changes.get(), machines_.folder().c_str(), IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
        std::vector<UniqueFd> ends;
        if (request.handle.empty()) {
            gather(ends.emplace_back(watch_network()).get());
            gather(ends.emplace_back(tell_how_guests_listen()).get());
        }
        std::set<std::string> seen;
        for (int look = 0; look < 2; ++look)
            for (const Machine &machine : machines_.all()) {
                const std::string &handle = machine.spec.boot.handle;
                if (!request.handle.empty() && request.handle != handle) continue;
                if (look == 0) {
                    inotify_add_watch(changes.get(), machine.folder.c_str(), IN_MOVED_TO);
                    inotify_add_watch(changes.get(), (machine.folder / run_folder).c_str(), IN_MOVED_TO);
                    if (machine.alive && machine.supervisor)
                        gather(ends.emplace_back(machine.supervisor->open_pidfd()).get());
                    continue;
                }
                seen.insert(handle);
                runtime::Boot boot = machine.boot();
                std::string text = to_json_text(boot);
                if (told[handle] == text) continue;
                told[handle] = text;
                call.item(boot);
            }
        std::erase_if(told, [&](const auto &entry) { return !seen.contains(entry.first); });
        call.wait(gathered.get(), POLLIN);
    }
}

void Provider::stop(plugin::Call &call, const runtime::StopRequest &request) {
    Machine machine = need(request.handle);
    if (!machine.alive) return end_of_volumes(machine);
    if (request.drain_ms) drain(call, machine, std::chrono::milliseconds(request.drain_ms));
    try {
        ask_machine_to_stop(machine, request.grace_ms);
    } catch (const Failure &) {  // not listening yet, or not any more
        return kill_machine(machine);
    }
    auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.grace_ms + 5000);
    UniqueFd end = machine.supervisor ? machine.supervisor->open_pidfd() : UniqueFd();
    while (std::chrono::steady_clock::now() < deadline) {
        pollfd waits[] = {{end.get(), POLLIN, 0}, {call.cancel_descriptor(), POLLIN, 0}};
        poll(waits, 2, 100);
        call.check();
        if (Machine now = need(request.handle); !now.alive) return end_of_volumes(now);
    }
    kill_machine(machine);
}

// A hypervisor whose supervisor was killed dies a moment after it: who is told that the boot has ended gives its volumes to the next one.
void Provider::end_of_volumes(const Machine &machine) {
    if (machine.begun) kill_machine(machine);
}

void Provider::destroy(plugin::Call &, const runtime::HandleRequest &request) {
    fs::path folder = machines_.folder_of(request.handle);
    if (auto machine = machines_.find(request.handle)) {
        if (machine->alive || machine->begun) kill_machine(*machine);
        remove_cgroup(folder);
        std::lock_guard lock(mutex_);
        if (auto again = machines_.find(request.handle)) logs_.keep(*again);
        discard(folder);
        forget_in_network();
        return;
    }
    remove_cgroup(folder);
    std::lock_guard lock(mutex_);
    discard(folder);  // one that was never completely made
}

runtime::PublishReply Provider::publish(plugin::Call &call, const runtime::PublishRequest &request) {
    std::lock_guard lock(mutex_);
    call.check();  // others were before it: at a stop hundreds may be, and close() waits for all of them
    network_.publish(request);
    std::vector<Machine> all = machines_.all();
    network_.ensure(all);
    std::vector<NetRefusal> refused = network_.apply(all, Network::Unchanged::skip);
    return {network_.forwards(request.ns), Network::routes(request, refused)};
}

runtime::ImagesReply Provider::images(plugin::Call &) {
    runtime::ImagesReply reply;
    for (const auto &entry : fs::directory_iterator(state_ / "images")) reply.keys.push_back(entry.path().filename());
    std::sort(reply.keys.begin(), reply.keys.end());
    return reply;
}

void Provider::forget(plugin::Call &, const runtime::ForgetRequest &request) {
    if (!is_key(request.key)) throw Failure(Code::invalid, "forget: the key is not 64 hexadecimal digits");
    std::lock_guard lock(mutex_);
    for (const Machine &machine : machines_.all())
        if (machine.spec.boot.image == request.key && (machine.alive || !machine.begun))
            throw Failure(Code::conflict, "the image is used by " + machine.spec.boot.handle);
    fs::remove(state_ / "images" / request.key);
}

void Provider::stats(plugin::Call &call, const runtime::WaitRequest &request) {
    for (const Machine &machine : machines_.all())
        if (request.handle.empty() || request.handle == machine.spec.boot.handle)
            if (auto found = stats_of(machine)) call.item(*found);
}

void Provider::recover(plugin::Call &) {
    std::lock_guard lock(mutex_);
    for (const auto &entry : fs::directory_iterator(state_ / "trash")) fs::remove_all(entry.path());
    std::vector<Machine> all = machines_.all();
    if (geteuid() == 0 && Cgroup::available()) {  // groups whose machine is gone
        std::set<std::string> known;
        for (const Machine &machine : all) known.insert(cgroup_name(machine.folder));
        for (const std::string &name : Cgroup::list(settings_.platform))
            if (name.starts_with("vm-") && !known.contains(name)) Cgroup::named(settings_.platform, name).remove();
    }
    network_.ensure(all);
    network_.apply(all);
}

Machine Provider::need(const std::string &handle) const {
    auto machine = machines_.find(handle);
    if (!machine) throw Failure(Code::not_found, "there is no boot " + printable(handle, 120));
    return std::move(*machine);
}

// Until no connection leads to the machine.  New ones go elsewhere by now, but one may just be on its way: twice nothing is nothing.
void Provider::drain(plugin::Call &call, const Machine &machine, std::chrono::milliseconds patience) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    for (int quiet = 0; quiet < 2;) {
        size_t count = 0;
        try {
            count = NetClient(network_.socket()).connections(machine.spec.address6, machine.spec.address4);
        } catch (const Failure &error) {  // its network is gone, and its connections with it
            host_.log(SEED_WARN, "draining " + machine.spec.boot.handle + ": " + error.what() + "; ignoring");
            return;
        }
        quiet = count ? 0 : quiet + 1;
        if (count && std::chrono::steady_clock::now() >= deadline) {
            host_.log(SEED_INFO, machine.spec.boot.handle + " still serves " + std::to_string(count) + " connections after " +
                                     format_duration_ms(patience.count()) + ": they are cut");
            return;
        }
        pollfd cancel{call.cancel_descriptor(), POLLIN, 0};
        poll(&cancel, 1, 100);
        call.check();
        if (!need(machine.spec.boot.handle).alive) return;
    }
}

// The folder with its specification; complete or not there.
Machine Provider::make_machine(const runtime::StartRequest &request, UniqueFd &held, std::string call) {
    if (access((state_ / "images" / request.image).c_str(), R_OK))
        throw Failure(Code::not_found, "the image of " + request.handle + " is not prepared");
    VmSpec spec;
    spec.boot = request;
    std::string ns = request.handle.substr(0, request.handle.find('/'));
    spec.tenant = network_.tenant(ns);
    spec.slot = free_slot();
    spec.tap = "tap" + std::to_string(spec.slot);
    spec.address6 = boot_address(spec.tenant, request.handle);
    uint32_t host = spec.slot + 256;
    spec.address4 = "100.64." + std::to_string(host >> 8) + "." + std::to_string(host & 255);
    spec.uid = geteuid() == 0 ? uids::vm_base + spec.slot : 0;
    spec.store = (state_ / "images" / request.image).string();
    spec.guest = settings_.guest;
    spec.net_socket = network_.socket();
    spec.resolvers = {"169.254.0.1"};
    if (!settings_.zone.empty()) spec.search = ns + "." + settings_.zone;
    spec.started_ms = unix_ms_now();
    spec.call = std::move(call);
    choose_hypervisor(spec);
    encode_configuration(spec, spec.started_ms);  // refuses what cannot be carried, before anything is made

    fs::path folder = machines_.folder_of(request.handle);
    std::error_code ignored;
    fs::remove_all(folder, ignored);  // left over from a crash before its specification was written
    make_directory(folder, 0711);
    make_directory(folder / run_folder, 0700);
    change_owner(folder / run_folder, spec.uid, spec.uid);
    held = take_machine_lock(folder);
    write_file_atomically(folder / spec_file, to_json_text(spec), 0600);
    return machines_.find(request.handle).value();
}

uint32_t Provider::free_slot() {
    std::set<uint32_t> taken;
    for (const Machine &machine : machines_.all()) taken.insert(machine.spec.slot);
    if (!next_slot_) next_slot_ = taken.empty() ? 1 : *taken.rbegin() + 1;
    for (uint32_t tries = 0; tries < slots; ++tries) {  // onwards: a name or uid just freed rests for a while
        uint32_t slot = next_slot_++ % slots + 1;
        if (!taken.contains(slot)) return slot;
    }
    throw Failure(Code::limit, "this host has no room for another machine: all " + std::to_string(slots) + " slots are used");
}

// PREFIX:<tenant>:<64 bits of the handle's hash>; subnets 0 and 1 are the platform's.
std::string Provider::boot_address(uint32_t tenant, const std::string &handle) const {
    std::string prefix = settings_.prefix6.substr(0, settings_.prefix6.find("::"));
    std::string hash = sha256_hex("boot " + handle), address = prefix;
    char subnet[8];
    snprintf(subnet, sizeof subnet, ":%x", 2 + (tenant - 1) % 65000);
    address += subnet;
    for (size_t n = 0; n < 4; ++n) {
        std::string group = hash.substr(4 * n, 4);
        group.erase(0, std::min(group.find_first_not_of('0'), group.size() - 1));
        address += ":" + group;
    }
    return address;
}

std::string Provider::cgroup_name(const fs::path &folder) {
    return "vm-" + sha256_hex(folder.filename().string()).substr(0, 16);
}

UniqueFd Provider::spawn(const Machine &machine, UniqueFd lock) {
    Pipe notice = make_pipe();
    SpawnOptions options;
    options.arguments = {(program_directory() / hypervising_.supervisor).string(), machine.folder.string()};
    options.environment = log_environment();
    options.environment.insert(options.environment.end(), {"PATH=/usr/bin:/bin", "LC_ALL=C"});
    options.descriptors = {{lock.get(), 3}, {notice.write.get(), 4}};
    options.outlive_parent = true;
    if (geteuid() == 0 && Cgroup::available()) {
        CgroupLimits limits;
        limits.memory_bytes = (uint64_t{machine.spec.boot.memory_mib} + hypervising_.own_mib) << 20;
        limits.processes = hypervising_.threads;
        options.cgroups = Cgroup::make(settings_.platform, cgroup_name(machine.folder), limits).folders();
    }
    Process::spawn(options);
    return std::move(notice.read);
}

void Provider::remove_cgroup(const fs::path &folder) {
    if (geteuid() == 0 && Cgroup::available()) Cgroup::named(settings_.platform, cgroup_name(folder)).remove();
}

// While machines live, so does their network: started again when it ended, and told everything.  Readable when it ends.
UniqueFd Provider::watch_network() {
    try {
        std::lock_guard lock(mutex_);
        std::vector<Machine> all = machines_.all();
        if (std::none_of(all.begin(), all.end(), [](const Machine &machine) { return machine.alive; })) return {};
        pid_t pid = network_.ensure(all).value("pid", 0);
        auto identity = ProcessIdentity::of(pid);
        if (!identity) return {};
        if (pid != network_pid_) network_.apply(all);
        network_pid_ = pid;
        return identity->open_pidfd();
    } catch (const Failure &error) {
        host_.log(SEED_WARN, std::string("network: ") + error.what());
        return {};
    }
}

// A server may open its sockets after its machine is ready (UDP ports are not waited for) or change them; then the network is told.
// A guest decides how often: so not more than once in two seconds.  Readable when it is due.
UniqueFd Provider::tell_how_guests_listen() {
    constexpr std::chrono::seconds pause(2);
    try {
        std::lock_guard lock(mutex_);
        std::vector<Machine> all = machines_.all();
        if (!network_.outdated(all)) return {};
        auto now = std::chrono::steady_clock::now();
        if (now >= listening_told_ + pause) {
            listening_told_ = now;
            network_.ensure(all);
            network_.apply(all);
            return {};
        }
        auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(listening_told_ + pause - now).count();
        UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        itimerspec due{};
        due.it_value = {left / 1'000'000'000, left % 1'000'000'000};
        if (!timer || timerfd_settime(timer.get(), 0, &due, nullptr)) fail_errno("a timer for the network");
        return timer;
    } catch (const Failure &error) {  // the next change or publish tells it
        host_.log(SEED_WARN, std::string("network: ") + error.what());
        return {};
    }
}

// In one step out of sight, then away.
void Provider::discard(const fs::path &folder) {
    fs::path trash = state_ / "trash" / (folder.filename().string().substr(0, 200) + "-" + random_hex(6));
    if (rename(folder.c_str(), trash.c_str()) && errno != ENOENT) fail_errno("cannot remove " + folder.string());
    fs::remove_all(trash);
}

void Provider::forget_in_network() {
    try {
        network_.apply(machines_.all());
    } catch (const Failure &error) {  // the next publish or recover tells it; the tap is gone anyway
        host_.log(SEED_WARN, std::string("network: ") + error.what());
    }
}

}  // namespace seed::vm
