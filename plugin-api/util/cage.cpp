// The order of the steps matters: files are opened while we may still open them, ids go before no_new_privs and Landlock, seccomp
// is last because it would refuse some of the others.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/privileged_cage.h>
#include <cerrno>
#include <cstring>

#include "prepared_cage.h"

namespace seed {
namespace {

// Debian 12's <linux/landlock.h> ends at ABI 2; the kernel decides by the size we pass and the ABI it reports.
struct RulesetAttributes {
    uint64_t files, net, scoped;
};
struct PortRule {
    uint64_t access, port;
};
constexpr uint64_t bind_tcp = 1, connect_tcp = 2, scope_abstract_socket = 1, scope_signal = 2;
constexpr int rule_port = 2;

constexpr uint64_t execute = 1, write_file_right = 2, read_file_right = 4, read_folder = 8, truncate_right = 0x4000;
constexpr uint64_t file_rights = execute | write_file_right | read_file_right | truncate_right;
constexpr uint64_t look = execute | read_file_right | read_folder;
// Files, folders, sockets, fifos, links, moving between folders; no devices, no execution.
constexpr uint64_t change = write_file_right | read_file_right | read_folder | 0x10 | 0x20 | 0x80 | 0x100 | 0x200 | 0x400 |
                            0x1000 | 0x2000 | truncate_right;

uint64_t handled_files(int abi) {
    return abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // a sanitizer reads /proc/self and reserves terabytes of addresses
#else
constexpr bool sanitized = false;
#endif

constexpr CageFailure failed(CageStep step, int error, int index = -1) {
    return {step, error, index};
}

CageFailure make_ruleset(const PreparedCage &cage, int &ruleset) {
    uint64_t handled = cage.landlock ? handled_files(cage.abi) : 0;
    RulesetAttributes attributes{handled, cage.restrict_ports ? bind_tcp | connect_tcp : 0,
                                 cage.landlock && cage.abi >= 6 ? scope_abstract_socket | scope_signal : 0};
    size_t size = cage.abi >= 6 ? 24 : cage.abi >= 4 ? 16 : 8;
    ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
    if (ruleset < 0) return failed(CageStep::ruleset, errno);
    for (size_t n = 0; n < cage.rules.size(); ++n) {
        const PreparedCage::Rule &rule = cage.rules[n];
        int fd = open(rule.path.c_str(), O_PATH | O_CLOEXEC);
        if (fd < 0 && !rule.required) continue;
        if (fd < 0) return failed(CageStep::rule, errno, static_cast<int>(n));
        struct stat status {};
        if (fstat(fd, &status)) return failed(CageStep::rule, errno, static_cast<int>(n));
        landlock_path_beneath_attr beneath{};
        beneath.allowed_access = rule.access & handled & (S_ISDIR(status.st_mode) ? ~uint64_t(0) : file_rights);
        beneath.parent_fd = fd;
        long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
        int error = errno;
        close(fd);
        if (result && rule.required) return failed(CageStep::rule, error, static_cast<int>(n));
    }
    for (uint16_t port : cage.ports) {
        PortRule rule{connect_tcp, port};
        if (cage.restrict_ports && syscall(SYS_landlock_add_rule, ruleset, rule_port, &rule, 0))
            return failed(CageStep::ruleset, errno);
    }
    // Port 0, which the kernel chooses: programs such as dig bind to it before they connect.
    PortRule any_free{bind_tcp, 0};
    if (cage.restrict_ports && !cage.ports.empty() && syscall(SYS_landlock_add_rule, ruleset, rule_port, &any_free, 0))
        return failed(CageStep::ruleset, errno);
    return {};
}

bool set_limit(int what, uint64_t value) {
    auto resource = static_cast<__rlimit_resource_t>(what);
    rlimit now{};
    if (getrlimit(resource, &now)) return false;
    rlim_t hard = now.rlim_max == RLIM_INFINITY ? value : std::min<rlim_t>(value, now.rlim_max);  // raising fails
    rlimit wanted{hard, hard};
    return setrlimit(resource, &wanted) == 0;
}

// Needs CAP_SETPCAP; an ordinary user has none and nothing to drop (his own user namespace excepted, where this works).
CageFailure drop_bounding_set(bool required, uint64_t keep) {
    for (unsigned long capability = 0; capability < 64; ++capability)
        if (!(keep >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) && errno != EINVAL && required)
            return failed(CageStep::bounding_set, errno);
    return {};
}

// All but these are gone afterwards, and none of these is for a program that is executed.
bool reduce_capabilities(uint64_t keep) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    for (int half : {0, 1}) data[half].effective = data[half].permitted = static_cast<uint32_t>(keep >> (32 * half));
    return syscall(SYS_capset, &header, data) == 0;
}

uint64_t own_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (syscall(SYS_capget, &header, data) != 0) return 0;
    return data[0].effective | uint64_t(data[1].effective) << 32;
}

}  // namespace

std::string_view to_string(CageStep step) {
    switch (step) {
        case CageStep::none:
            return "nothing";
        case CageStep::rule:
            return "giving the cage a path";
        case CageStep::ruleset:
            return "making the Landlock rules";
        case CageStep::rlimit:
            return "setting a resource limit";
        case CageStep::bounding_set:
            return "dropping capabilities from the bounding set";
        case CageStep::groups:
            return "dropping the supplementary groups";
        case CageStep::ids:
            return "changing to the uid of the cage";
        case CageStep::capabilities:
            return "dropping capabilities";
        case CageStep::no_new_privs:
            return "setting no_new_privs";
        case CageStep::restrict_self:
            return "entering the Landlock rules";
        case CageStep::seccomp:
            return "entering the seccomp filter";
    }
    return "entering the cage";
}

int landlock_abi() {
    static const int abi = [] {
        long answer = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
        return answer < 0 ? 0 : static_cast<int>(answer);
    }();
    return abi;
}

PreparedCage prepare_cage(const Cage &cage, const std::string &program) {
    PreparedCage result;
    result.changes_ids = geteuid() == 0 || (own_capabilities() >> CAP_SETUID & 1);
    result.uid = cage.uid;
    result.drop_capabilities = cage.drop_capabilities;
    result.abi = landlock_abi();
    result.landlock = cage.landlock && result.abi > 0;
    result.restrict_ports = cage.connect_ports.has_value() && result.abi >= 4;
    if (result.restrict_ports) result.ports = *cage.connect_ports;
    if (result.landlock) {
        for (const char *path :
             {"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/dev/urandom", "/dev/random", "/dev/zero"})
            result.rules.push_back({path, look, false});
        result.rules.push_back({"/dev/null", look | write_file_right, false});
        if (sanitized) result.rules.push_back({"/proc", look, false});
        if (!program.empty()) result.rules.push_back({program, look, false});
        for (const auto &path : cage.read) result.rules.push_back({path.string(), look, true});
        for (const auto &path : cage.write) result.rules.push_back({path.string(), change, true});
    }
    result.limits.emplace_back(RLIMIT_CORE, 0);
    if (cage.memory_bytes && !sanitized) result.limits.emplace_back(RLIMIT_AS, cage.memory_bytes);
    if (cage.file_bytes) result.limits.emplace_back(RLIMIT_FSIZE, cage.file_bytes);
    if (cage.cpu_seconds) result.limits.emplace_back(RLIMIT_CPU, cage.cpu_seconds);
    if (cage.open_files) result.limits.emplace_back(RLIMIT_NOFILE, cage.open_files);
    result.processes = cage.processes;
    bool tcp = !cage.connect_ports || !cage.connect_ports->empty();
    if (cage.seccomp) result.filter = seccomp_filter(cage.network, tcp);
    return result;
}

CageFailure enter_prepared_cage(const PreparedCage &cage, bool die_with_parent) {
    int ruleset = -1;
    if (cage.landlock || cage.restrict_ports)
        if (CageFailure failure = make_ruleset(cage, ruleset); failure.step != CageStep::none) return failure;
    for (auto [what, value] : cage.limits)
        if (!set_limit(what, value)) return failed(CageStep::rlimit, errno, what);
    if (cage.drop_capabilities)
        if (CageFailure failure = drop_bounding_set(cage.changes_ids, cage.keep); failure.step != CageStep::none) return failure;
    if (cage.changes_ids && cage.uid) {
        if (cage.keep) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);   // of what is permitted; the change of ids clears what is effective
        // The raw calls: glibc's wrappers would signal every thread of a process that fork has reduced to one.
        if (syscall(SYS_setgroups, 0, nullptr)) return failed(CageStep::groups, errno);
        if (syscall(SYS_setresgid, *cage.uid, *cage.uid, *cage.uid)) return failed(CageStep::ids, errno);
        if (syscall(SYS_setresuid, *cage.uid, *cage.uid, *cage.uid)) return failed(CageStep::ids, errno);
    }
    if (cage.drop_capabilities && !reduce_capabilities(cage.keep)) return failed(CageStep::capabilities, errno);
    if (cage.processes && !set_limit(RLIMIT_NPROC, cage.processes)) return failed(CageStep::rlimit, errno, RLIMIT_NPROC);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (die_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return failed(CageStep::no_new_privs, errno);
    if (ruleset >= 0) {
        if (syscall(SYS_landlock_restrict_self, ruleset, 0)) return failed(CageStep::restrict_self, errno);
        close(ruleset);
    }
    if (!cage.filter.empty()) {
        sock_fprog program{static_cast<unsigned short>(cage.filter.size()), const_cast<sock_filter *>(cage.filter.data())};
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) return failed(CageStep::seccomp, errno);
    }
    return {};
}

void enter_cage(const Cage &cage) { enter_cage_keeping(cage, {}); }

void enter_cage_keeping(const Cage &cage, const std::vector<int> &capabilities) {
    PreparedCage prepared = prepare_cage(cage, {});
    uint64_t own = own_capabilities();
    for (int capability : capabilities) prepared.keep |= uint64_t(1) << capability & own;
    CageFailure failure = enter_prepared_cage(prepared, false);
    if (failure.step == CageStep::none) return;
    std::string what = "cannot enter the cage: " + std::string(to_string(failure.step));
    if (failure.step == CageStep::rule) what += " " + prepared.rules[static_cast<size_t>(failure.index)].path;
    fail_errno(what, failure.error);
}

}  // namespace seed
