// What lives outside of the process and survives its death: machines, volumes, images, records, repositories.
//
// Each effect checks what must hold at every single step; a breach is remembered and ends the schedule.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <seed/dns.hpp>
#include <seed/runtime.hpp>

#include "tests/simulation/virtual_time.h"

namespace seed::simulation {

// What a commit of a flake says.  `behaviour` is how its machines behave: good, mute (never ready), brittle (exits at once).
struct InstanceContent {
    uint64_t version = 1;
    uint64_t volume_mib = 0;  // 0: none
    bool rolling = false;
    std::string behaviour = "good";
    bool operator==(const InstanceContent &) const = default;
};
struct Content {
    std::string trouble;  // "evaluate", "build": fails there
    std::map<std::string, InstanceContent> instances;
    bool all_good() const;
};

struct Machine {
    runtime::Boot boot;
    std::vector<std::string> volumes;  // paths
    uint64_t era = 0;                  // so that events meant for an earlier life of the handle pass by
};

class Outside {
public:
    Outside(VirtualTime &time, Chance &chance) : time_(time), chance_(chance) {}

    // runtime
    void prepare(const std::string &key, const std::string &path);
    runtime::Boot start(const runtime::StartRequest &request);
    void stop(const std::string &handle);
    void destroy(const std::string &handle);
    void forget(const std::string &key);
    void publish(const runtime::PublishRequest &request);
    void exit_machine(const std::string &handle, const std::string &reason);
    // storage
    void create_volume(const std::string &volume, uint64_t size);
    void resize_volume(const std::string &volume, uint64_t size);
    // dns
    void apply_records(const dns::ApplyRequest &request);
    void remove_records(const dns::RemoveRequest &request);

    // Remembers the first breach, and fails the call that made it.
    [[noreturn]] void broken(const std::string &what);
    std::optional<std::string> breach;

    std::map<std::string, Machine> machines;  // by handle
    bool runtime_taken_up = true;             // `recover` was called since its host died last: what that one left half done is cleared
    std::set<std::string> images;             // held by the runtime
    std::set<std::string> image_files;        // made by the builder
    std::map<std::string, std::vector<runtime::Service>> published;
    std::map<std::string, uint64_t> volumes;
    std::map<std::string, dns::RecordSet> records;
    std::map<std::string, Content> commits;         // by commit id
    std::map<std::string, std::string> heads;       // by repository
    std::set<std::string> ever_ready;               // handles
    std::function<void(const runtime::Boot &)> on_change;  // of the living process; may be empty
    // What the process wants of this handle right now: true when a stop would hurt somebody for nothing.
    std::function<bool(const runtime::Boot &)> is_wanted_as_it_is;
    // Somebody asked for a stop, start or restart then: what is under way may still serve the wish before.
    Clock::time_point wish_changed{};
    bool late_effects = false;  // calls may be carried out late or twice: the runtime's own refusals are then the last guard

private:
    void changed(Machine &machine);
    bool must_stay(const runtime::Boot &boot) const;

    VirtualTime &time_;
    Chance &chance_;
    uint64_t eras_ = 0;
};

}  // namespace seed::simulation
