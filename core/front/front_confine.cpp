#include "core/front/front_confine.h"

#include <linux/capability.h>
#include <seccomp.h>

#include <cerrno>
#include <memory>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/privileged_cage.h>

namespace seed::front {
namespace {

// The kernel looks at the lower half of an id, the filter compares all of it: what has more bits than an id is refused.
void only_ids_of_children() {
    std::unique_ptr<void, void (*)(void *)> filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    auto require = [](int result) {
        if (result < 0) fail_errno("cannot limit the ids that children may get", -result);
    };
    if (!filter) require(-ENOMEM);
    auto refuse = [&](int call) { require(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0)); };
    auto refuse_where = [&](int call, scmp_arg_cmp when) { require(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 1, when)); };
    for (int call : {SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid)}) refuse(call);
    refuse_where(SCMP_SYS(setgroups), SCMP_A0_64(SCMP_CMP_NE, 0));
    for (int call : {SCMP_SYS(setresuid), SCMP_SYS(setresgid)}) {
        for (unsigned argument : {0u, 1u, 2u}) {
            refuse_where(call, SCMP_CMP64(argument, SCMP_CMP_LT, uids::http));
            refuse_where(call, SCMP_CMP64(argument, SCMP_CMP_GT, uids::session_base + 999));
            for (uid_t other : {uids::edge, uids::pdns, uids::fetch}) refuse_where(call, SCMP_CMP64(argument, SCMP_CMP_EQ, other));
        }
    }
    require(seccomp_load(filter.get()));
}

}  // namespace

void confine() {
    Cage cage;
    cage.uid = uids::front;
    cage.read = {program_directory()};
    cage.network = false;   // it has what listens, or is given it
    cage.connect_ports.emplace();
    cage.memory_bytes = 1ull << 30;
    cage.open_files = 65536;
    enter_cage_keeping(cage, {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL});   // SETPCAP: a child's cage empties its bounding set
    only_ids_of_children();
}

}  // namespace seed::front
