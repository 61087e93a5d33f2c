// A cage in two halves: everything that allocates is done by the parent, the child between fork and exec only makes system calls.
#pragma once
#include <linux/filter.h>
#include <seed/util/cage.h>

#include <string>
#include <utility>
#include <vector>

namespace seed {

// What the child was doing when it failed; the parent turns it into a sentence.
enum class CageStep : int {
    none,
    rule,
    ruleset,
    rlimit,
    bounding_set,
    groups,
    ids,
    capabilities,
    no_new_privs,
    restrict_self,
    seccomp
};
std::string_view to_string(CageStep step);

struct CageFailure {
    CageStep step = CageStep::none;
    int error = 0;
    int index = -1;  // of the path in `rules`
};

struct PreparedCage {
    struct Rule {
        std::string path;
        uint64_t access;
        bool required;
    };
    bool changes_ids = false;  // root or CAP_SETUID: ids change, the bounding set is dropped
    std::optional<uid_t> uid;
    bool drop_capabilities = true;
    uint64_t keep = 0;  // capabilities that stay, a bit each
    std::vector<Rule> rules;  // empty and no ports: no Landlock
    std::vector<uint16_t> ports;
    bool restrict_ports = false;
    bool landlock = false;
    int abi = 0;
    std::vector<std::pair<int, uint64_t>> limits;
    uint64_t processes = 0;
    std::vector<sock_filter> filter;  // empty: no seccomp
};

// `program` (may be empty) is readable and executable in the cage whatever its lists say.  Throws Failure.
PreparedCage prepare_cage(const Cage &cage, const std::string &program);
// Makes system calls only.  Sets PR_SET_PDEATHSIG after the change of ids, which clears it.
CageFailure enter_prepared_cage(const PreparedCage &cage, bool die_with_parent);

// The allow-list as a program for the kernel.  Compiled once per process and pair of flags.
const std::vector<sock_filter> &seccomp_filter(bool network, bool tcp);

}  // namespace seed
