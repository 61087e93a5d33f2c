// The planner: desired state and observed state in, an ordered list of actions with reasons out.
//
// A pure function: no I/O, no time, no randomness.  `seed plan`, `git push -o plan`, the reconciler and the tests call it.
// Carrying the actions out and planning again with what is then observed must end in an empty plan (a tested property).
//
// Order, per instance.  recreate: volumes -> image -> stop and destroy the old boot -> start -> await ready -> publish.
// rolling: volumes -> image -> start -> await ready -> publish -> stop and destroy the old.  Then records, then reap what this
// flake owns and no longer wants: unpublish, records, boots; never volumes.  Instances that did not change get no action at all.
// A resting instance has its volumes and its image, so that it starts at once, and its record, but no boot and no published port.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/instance_spec.h"
#include "core/model/route_rules.h"

namespace seed::model {

struct ObservedBoot {
    std::string handle;        // NAMESPACE/INSTANCE/BOOTID
    std::string instance;      // INSTANCE
    std::string desired;       // hash it was started for
    std::string state;         // starting, ready, exited
    std::string reason;
    bool ipv4_only = false;
};
struct ObservedVolume {
    std::string volume;        // NAMESPACE/INSTANCE/NAME
    uint64_t size_bytes = 0;
};
struct ObservedService {       // what was last published successfully for an instance
    std::string address, handle;
    std::vector<ExposedPort> expose;
    std::vector<PublicPort> routes = {};
};
struct Record {
    std::string name, type, value;   // absolute name
    std::string zone = {};           // of a tenant's own domain, with final dot; empty: the platform's
    auto operator<=>(const Record &) const = default;
};

struct Desired {
    std::string ns, domain;    // domain: the platform's, for INSTANCE.NAMESPACE.DOMAIN
    std::string ipv4 = {};     // the address that all tenants' ipv4.routes share; empty: there is none
    std::map<std::string, InstanceSpec> instances;
    std::map<std::string, std::string> addresses;   // service address of each instance
    std::map<std::string, uint64_t> restart_requests;   // INSTANCE -> number of restarts asked for; part of what a boot is for
    bool volumes_may_be_larger = false;   // than wanted: they stay as they are (an older generation returns); otherwise that is refused
    std::set<std::string> resting;   // instances that shall not run now: stopped by request, or autostart = false and not asked for
};
struct Observed {
    std::vector<ObservedBoot> boots;
    std::vector<ObservedVolume> volumes;
    std::map<std::string, ObservedService> services;
    std::vector<Record> records;      // ours, of this namespace
    std::vector<std::string> images;  // keys the runtime holds
};

enum class ActionKind {
    create_volume,    // volume, size_bytes
    grow_volume,      // volume, size_bytes
    prepare_image,    // image
    start,            // instance: a new boot
    await_ready,      // instance: the boot started by the action before, or an observed starting one (handle)
    publish,          // instance -> boot (handle empty: the one just started)
    stop,             // handle
    destroy,          // handle
    unpublish,        // instance
    apply_record,     // record
    remove_record,    // record
};
std::string_view to_string(ActionKind kind);

struct Action {
    ActionKind kind;
    std::string instance, handle, volume, image;
    uint64_t size_bytes = 0;
    Record record;
    std::string reason;        // "its closure changed", "it exited: killed by signal 9", ...
};

// What a boot of `spec` is labelled with: desired_hash plus the restart counter.
std::string boot_label(const InstanceSpec &spec, uint64_t restart_requests);
// Failure(invalid) when the desired state cannot be (rolling with a volume only one boot may hold; a volume that would shrink).
std::vector<Action> plan(const Desired &desired, const Observed &observed);
// All names of the namespace: INSTANCE.NS.DOMAIN for each instance that exposes something, and its names in domains of the tenant's own;
// the apex of such a domain has a wildcard beside it.  AAAA always, A too when an IPv4 route leads to the instance.
std::set<Record> wanted_records(const Desired &desired);
std::string describe(const Action &action);   // one line for people

}  // namespace seed::model
