// What differs between two generations of a flake, in the words of its author: pure, for `diff`, `plan` and the report of a push.
//
// An instance restarts when something that its boot is made from changed (InstanceSpec::desired_hash()); the rest is applied in place.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/model/instance_spec.h"

namespace seed::model {

enum class Change { added, removed, changed, unchanged };
std::string_view to_string(Change change);

struct Aspect {             // one thing that is not as before
    std::string what;       // "closure", "size", "expose.http", "storage.data", "connect.db", "dns.www.example.com", "ipv4.routes.web", "rollout", "autostart"
    std::string from, to;   // for people; empty: it was not there, it is not there any more
    bool operator==(const Aspect &) const = default;
};
struct InstanceDifference {
    std::string instance;
    Change change = Change::unchanged;
    bool restarts = false;            // a running boot is replaced
    std::vector<Aspect> aspects;      // of changed ones
};

// By instance, sorted; unchanged ones are told, too.
std::vector<InstanceDifference> difference(const std::map<std::string, InstanceSpec> &from, const std::map<std::string, InstanceSpec> &to);
bool is_empty(const std::vector<InstanceDifference> &differences);
// One line: "web: changed, restarts (closure; size xs -> s)".
std::string describe(const InstanceDifference &difference);

}  // namespace seed::model
