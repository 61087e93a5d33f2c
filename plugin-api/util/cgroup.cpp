// Where the groups are made ("base"), by host:
//   hybrid    one folder per v1 controller (memory, pids, cpu) for the limits and one in the unified tree, which has cgroup.kill
//   pure v2   one folder; controllers are enabled from the root down, or from our own delegated group
// Root without delegation uses the root of the hierarchy; an ordinary user only a group that was given to him.
//
// In the unified tree a group that gives controllers to its children may have no processes of its own.  A service that makes its
// groups below itself and leaves them behind (KillMode=process) therefore cannot be started again: systemd before 254 puts the
// new main process into the service's own group (status 219/CGROUP).  So a unit of its own holds them, and SEED_CONTROL_GROUP
// says where it is.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <seed/util/cgroup.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace seed {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(5);
constexpr std::string_view daemon_leaf = "seed.main";
constexpr const char *given_group = "SEED_CONTROL_GROUP";

struct Hierarchy {
    fs::path base;
    std::set<std::string> controllers;  // v1: the one it serves; v2: those it can give to children; hybrid's unified tree: none
    bool unified = false;
};
struct Host {
    std::vector<Hierarchy> hierarchies;
    std::string reason;  // why there are none
};

struct Mount {
    fs::path point;
    std::string root;
    std::set<std::string> options;
    bool v2;
};

std::vector<Mount> cgroup_mounts() {
    std::vector<Mount> result;
    for (const std::string &line : split(read_file("/proc/self/mountinfo"), '\n')) {
        size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        std::vector<std::string> before = split(line.substr(0, dash), ' '), after = split(line.substr(dash + 3), ' ');
        if (before.size() < 5 || after.size() < 3 || (after[0] != "cgroup" && after[0] != "cgroup2")) continue;
        std::vector<std::string> options = split(after[2], ',');
        result.push_back({before[4], before[3], {options.begin(), options.end()}, after[0] == "cgroup2"});
    }
    return result;
}

// Our own group by controller; the unified tree is "".  Cut where Seed's own folders begin: a program that already runs in one of
// them makes its groups beside it, not inside.
std::map<std::string, std::string> own_groups() {
    std::map<std::string, std::string> result;
    for (const std::string &line : split(read_file("/proc/self/cgroup"), '\n')) {
        size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        fs::path path;
        for (const auto &part : fs::path(line.substr(second + 1))) {
            if (part.string().starts_with("seed-") || part == daemon_leaf) break;
            path /= part;
        }
        for (const std::string &controller : split(line.substr(first + 1, second - first - 1), ',')) result[controller] = path;
    }
    return result;
}

std::set<std::string> words(const fs::path &file) {
    std::set<std::string> result;
    if (auto text = read_file_if_exists(file))
        for (const std::string &word : split(trim(*text), ' '))
            if (!word.empty()) result.insert(word);
    return result;
}

bool writable(const fs::path &folder) {
    return !access(folder.c_str(), W_OK | X_OK) && !access((folder / "cgroup.procs").c_str(), W_OK);
}

bool delegated(const fs::path &folder) {
    char value[8];
    return getxattr(folder.c_str(), "trusted.delegate", value, sizeof value) > 0 ||
           getxattr(folder.c_str(), "user.delegate", value, sizeof value) > 0;
}

// Gives the wanted controllers to the children of `folder`, whose own processes then have to live in a leaf.
void enable_controllers(const fs::path &folder, bool root_of_tree) {
    std::set<std::string> have = words(folder / "cgroup.controllers"), given = words(folder / "cgroup.subtree_control");
    for (const char *controller : {"memory", "pids", "cpu"}) {
        if (!have.contains(controller) || given.contains(controller)) continue;
        std::string request = std::string("+") + controller;
        try {
            write_file(folder / "cgroup.subtree_control", request);
        } catch (const Failure &) {
            if (root_of_tree) throw;
            make_directory(folder / daemon_leaf, 0755);
            for (const std::string &pid : split(read_file(folder / "cgroup.procs"), '\n'))
                if (!pid.empty()) write_file(folder / daemon_leaf / "cgroup.procs", pid);
            write_file(folder / "cgroup.subtree_control", request);
        }
    }
}

Host look() {
    Host host;
    std::vector<Mount> mounts = cgroup_mounts();
    std::map<std::string, std::string> own = own_groups();
    bool root = geteuid() == 0;
    auto inside = [&](const Mount &mount, const std::string &controller) {
        // The mount may show only a part of the tree (containers).
        std::string path = own.contains(controller) ? own.at(controller) : "/";
        if (mount.root != "/" && path.starts_with(mount.root)) path = path.substr(mount.root.size());
        return mount.point / fs::path(path).relative_path();
    };
    const char *given = getenv(given_group);
    if (given && !*given) given = nullptr;
    if (given) own[""] = given;
    std::set<std::string> missing = {"memory", "pids", "cpu"};
    for (const Mount &mount : mounts) {
        if (mount.v2) continue;
        for (const char *controller : {"memory", "pids", "cpu"}) {
            if (!mount.options.contains(controller) || !missing.contains(controller)) continue;
            fs::path base = root ? mount.point : inside(mount, controller);
            if (!writable(base)) {
                host.reason = "the control group " + base.string() + " is not writable for us";
                return host;
            }
            missing.erase(controller);
            host.hierarchies.push_back({base, {controller}, false});
        }
    }
    for (const Mount &mount : mounts) {
        if (!mount.v2) continue;
        fs::path base = inside(mount, "");
        bool at_root = root && !given && !delegated(base);
        if (at_root) base = mount.point;
        if (!writable(base)) {
            if (missing.empty() && !given) continue;  // v1 has all the limits; killing then goes by cgroup.procs
            host.reason = given ? "the control group " + base.string() + ", which " + given_group +
                                      " names, is not there or not ours to change; start the unit that holds it (seed-machines.service)"
                                : "the control group " + base.string() +
                                      " is not ours to change; start us with a delegated one (systemd: Delegate=yes)";
            host.hierarchies.clear();
            return host;
        }
        Hierarchy unified{base, {}, true};
        std::set<std::string> have = words(base / "cgroup.controllers");
        for (const char *controller : {"memory", "pids", "cpu"})
            if (missing.contains(controller) && have.contains(controller)) unified.controllers.insert(controller);
        if (!unified.controllers.empty()) {
            try {
                enable_controllers(base, base == mount.point);
            } catch (const Failure &failure) {
                host.reason = std::string("cannot enable the controllers: ") + failure.what();
                host.hierarchies.clear();
                return host;
            }
        }
        for (const std::string &controller : unified.controllers) missing.erase(controller);
        host.hierarchies.push_back(unified);
        break;
    }
    if (!missing.empty()) {
        host.hierarchies.clear();
        host.reason = mounts.empty() ? "no control groups are mounted" : "no hierarchy offers the controller " + *missing.begin();
    }
    return host;
}

const Host &host() {
    static const Host known = look();
    return known;
}

void check_name(const std::string &name) {
    bool good = !name.empty() && name.size() <= 200 && name[0] != '.';
    for (char c : name) good = good && (isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.');
    if (!good)
        throw Failure(Code::invalid,
                      "'" + printable(name) + "' cannot name a control group; use letters, digits, '-', '_' and '.'");
}

void try_write(const fs::path &file, const std::string &value) {
    try {
        write_file(file, value);
    } catch (const Failure &) {  // ignoring: this kernel has no swap accounting, or nothing to undo
    }
}

void set_limits_v1(const fs::path &folder, const std::string &controller, const CgroupLimits &limits) {
    if (controller == "memory") {
        try_write(folder / "memory.memsw.limit_in_bytes", "-1");  // or it would stop a raise of the other
        std::string value = limits.memory_bytes ? std::to_string(limits.memory_bytes) : "-1";
        write_file(folder / "memory.limit_in_bytes", value);
        try_write(folder / "memory.memsw.limit_in_bytes", value);
    } else if (controller == "pids") {
        write_file(folder / "pids.max", limits.processes ? std::to_string(limits.processes) : "max");
    } else {
        write_file(folder / "cpu.cfs_period_us", "100000");
        write_file(folder / "cpu.cfs_quota_us", limits.cpu_percent ? std::to_string(limits.cpu_percent * uint64_t(1000)) : "-1");
    }
}

void set_limits_v2(const fs::path &folder, const std::set<std::string> &controllers, const CgroupLimits &limits) {
    auto number = [](uint64_t value) { return value ? std::to_string(value) : std::string("max"); };
    if (controllers.contains("memory")) {
        write_file(folder / "memory.max", number(limits.memory_bytes));
        if (limits.memory_bytes) {
            try_write(folder / "memory.swap.max", "0");
            write_file(folder / "memory.oom.group", "1");
        }
    }
    if (controllers.contains("pids")) write_file(folder / "pids.max", number(limits.processes));
    if (controllers.contains("cpu"))
        write_file(folder / "cpu.max",
                   (limits.cpu_percent ? std::to_string(limits.cpu_percent * uint64_t(1000)) : "max") + " 100000");
}

std::vector<fs::path> folders_in(const fs::path &folder) {
    std::vector<fs::path> result;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->is_directory(error)) result.push_back(it->path());
    return result;
}

std::vector<pid_t> members(const fs::path &folder) {
    std::vector<pid_t> result;
    for (const fs::path &child : folders_in(folder))
        for (pid_t pid : members(child)) result.push_back(pid);
    try {
        if (auto text = read_file_if_exists(folder / "cgroup.procs"))
            for (const std::string &line : split(*text, '\n'))
                if (pid_t pid = atoi(line.c_str()); pid > 0) result.push_back(pid);
    } catch (const Failure &) {  // ignoring: the folder went while we read (ENODEV)
    }
    return result;
}

// Kills all in `folder` and below; false when some are left at the deadline.
bool empty_folder(const fs::path &folder, Clock::time_point deadline) {
    if (!access((folder / "cgroup.kill").c_str(), W_OK)) try_write(folder / "cgroup.kill", "1");
    for (;;) {
        std::vector<pid_t> left = members(folder);
        if (left.empty()) return true;
        // A repeated sweep: processes may have forked since, and kernels before 5.14 and v1 trees have no cgroup.kill.
        for (pid_t pid : left) kill(pid, SIGKILL);
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

void remove_folder(const fs::path &folder, Clock::time_point deadline) {
    for (;;) {
        for (const fs::path &child : folders_in(folder)) remove_folder(child, deadline);
        if (!rmdir(folder.c_str()) || errno == ENOENT) return;
        int error = errno;
        if (error != EBUSY || Clock::now() >= deadline) fail_errno("cannot remove the control group " + folder.string(), error);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));  // processes that are dying still count
    }
}

// The last group to go takes its owner's folder along, perhaps just before we use it: then once more.
void make_in_owner(const Hierarchy &hierarchy, const fs::path &parent, const fs::path &folder) {
    for (int tries = 0;; ++tries) {
        try {
            make_directory(parent, 0755);
            if (hierarchy.unified && !hierarchy.controllers.empty()) enable_controllers(parent, true);
            if (!mkdir(folder.c_str(), 0755) || errno == EEXIST) return;
            fail_errno("cannot make the control group " + folder.string());
        } catch (const Failure &failure) {
            if (failure.code() != Code::not_found || tries == 100) throw;
        }
    }
}

}  // namespace

bool Cgroup::available() {
    return host().reason.empty();
}
std::string Cgroup::unavailable_reason() {
    return host().reason;
}

Cgroup Cgroup::make(const std::string &owner, const std::string &name, const CgroupLimits &limits) {
    check_name(owner);
    check_name(name);
    if (!available()) throw Failure(Code::unsupported, "processes cannot be limited here: " + unavailable_reason());
    Cgroup group;
    try {
        for (const Hierarchy &hierarchy : host().hierarchies) {
            fs::path parent = hierarchy.base / ("seed-" + owner), folder = parent / name;
            make_in_owner(hierarchy, parent, folder);
            group.folders_.push_back(folder);
            if (hierarchy.unified)
                set_limits_v2(folder, hierarchy.controllers, limits);
            else
                set_limits_v1(folder, *hierarchy.controllers.begin(), limits);
        }
    } catch (const Failure &failure) {
        throw failure.within("while making the control group " + name);
    }
    return group;
}

Cgroup Cgroup::named(const std::string &owner, const std::string &name) {
    check_name(owner);
    check_name(name);
    Cgroup group;
    for (const Hierarchy &hierarchy : host().hierarchies) group.folders_.push_back(hierarchy.base / ("seed-" + owner) / name);
    return group;
}

std::vector<std::string> Cgroup::list(const std::string &owner) {
    check_name(owner);
    std::set<std::string> names;
    for (const Hierarchy &hierarchy : host().hierarchies)
        for (const fs::path &folder : folders_in(hierarchy.base / ("seed-" + owner))) names.insert(folder.filename());
    return {names.begin(), names.end()};
}

void Cgroup::remove_owner(const std::string &owner) {
    check_name(owner);
    auto deadline = Clock::now() + patience;
    for (const Hierarchy &hierarchy : host().hierarchies) empty_folder(hierarchy.base / ("seed-" + owner), deadline);
    for (const Hierarchy &hierarchy : host().hierarchies) remove_folder(hierarchy.base / ("seed-" + owner), deadline);
}

bool Cgroup::killed_for_memory() const {
    return troubles().memory_kills > 0;
}

Cgroup::Troubles Cgroup::troubles() const {
    auto count = [this](std::initializer_list<const char *> files, std::string_view word) {
        uint64_t sum = 0;
        for (const fs::path &folder : folders_)
            for (const char *file : files)
                if (auto text = read_file_if_exists(folder / file))
                    for (const std::string &line : split(*text, '\n'))
                        if (line.starts_with(word)) sum += strtoull(line.c_str() + word.size(), nullptr, 10);
        return sum;
    };
    return {count({"memory.events", "memory.oom_control"}, "oom_kill "), count({"pids.events"}, "max ")};
}

void Cgroup::kill() {
    auto deadline = Clock::now() + patience;
    // The unified tree comes last in the list and kills best: start there.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) empty_folder(*folder, deadline);
}

bool Cgroup::remove_if_empty() {
    for (const fs::path &folder : folders_)
        if (!members(folder).empty()) return false;
    for (const fs::path &folder : folders_) {
        if (rmdir(folder.c_str()) && errno == EBUSY) return false;   // somebody came, or is dying still
        rmdir(folder.parent_path().c_str());
    }
    folders_.clear();
    return true;
}

void Cgroup::remove() {
    kill();
    auto deadline = Clock::now() + patience;
    for (const fs::path &folder : folders_) {
        remove_folder(folder, deadline);
        rmdir(folder.parent_path().c_str());  // the owner's, when nothing else is in it
    }
    folders_.clear();
}

}  // namespace seed
