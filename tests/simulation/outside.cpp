#include "tests/simulation/outside.h"

#include <algorithm>

#include <seed/util/failure.h>

namespace seed::simulation {

using std::chrono::milliseconds;

bool Content::all_good() const {
    return trouble.empty() && std::all_of(instances.begin(), instances.end(), [](auto &one) { return one.second.behaviour == "good"; });
}

void Outside::broken(const std::string &what) {
    if (!breach) breach = what;
    throw Failure(Code::internal, what);
}

void Outside::changed(Machine &machine) {
    if (on_change) on_change(machine.boot);
}

bool Outside::must_stay(const runtime::Boot &boot) const {
    if (late_effects || boot.state != "ready" || time_.now() - wish_changed < std::chrono::minutes(1)) return false;
    return is_wanted_as_it_is && is_wanted_as_it_is(boot);
}

void Outside::prepare(const std::string &key, const std::string &path) {
    if (!image_files.contains(path)) throw Failure(Code::not_found, "there is no image file " + path);
    images.insert(key);
}

runtime::Boot Outside::start(const runtime::StartRequest &request) {
    if (auto known = machines.find(request.handle); known != machines.end()) return known->second.boot;
    if (!images.contains(request.image)) throw Failure(Code::not_found, "the image " + request.image + " is not prepared");
    std::vector<std::string> paths;
    for (const auto &volume : request.volumes) {
        paths.push_back(volume.path);
        for (const auto &[handle, other] : machines) {
            bool holds = std::find(other.volumes.begin(), other.volumes.end(), volume.path) != other.volumes.end();
            if (!holds || other.boot.state == "exited") continue;
            if (!late_effects) broken(request.handle + " was to start while " + handle + " holds its volume " + volume.path);
            throw Failure(Code::conflict, volume.path + " is held by " + handle);
        }
    }
    Machine &machine = machines[request.handle];
    machine.era = ++eras_;
    machine.volumes = paths;
    machine.boot.handle = request.handle;
    machine.boot.instance = request.instance;
    machine.boot.image = request.image;
    machine.boot.desired = request.desired;
    machine.boot.state = "starting";
    machine.boot.started_ms = time_.unix_ms();
    bool mute = request.init.find("-mute") != std::string::npos, brittle = request.init.find("-brittle") != std::string::npos;
    auto soon = milliseconds(chance_.between(200, 4000));
    if (!mute)
        time_.after(soon, [this, handle = request.handle, era = machine.era, brittle] {
            auto found = machines.find(handle);
            if (found == machines.end() || found->second.era != era || found->second.boot.state != "starting") return;
            if (brittle) return exit_machine(handle, "its init ended");
            found->second.boot.state = "ready";
            found->second.boot.ready_ms = time_.unix_ms();
            ever_ready.insert(handle);
            changed(found->second);
        });
    changed(machine);
    return machine.boot;
}

void Outside::exit_machine(const std::string &handle, const std::string &reason) {
    auto found = machines.find(handle);
    if (found == machines.end() || found->second.boot.state == "exited") return;
    found->second.boot.state = "exited";
    found->second.boot.reason = reason;
    changed(found->second);
}

void Outside::stop(const std::string &handle) {
    auto found = machines.find(handle);
    if (found == machines.end()) return;
    if (must_stay(found->second.boot))
        broken(handle + " was stopped although it is ready and just what is wanted");
    exit_machine(handle, "stopped");
}

void Outside::destroy(const std::string &handle) {
    stop(handle);
    machines.erase(handle);
}

void Outside::forget(const std::string &key) {
    for (const auto &[handle, machine] : machines)
        if (machine.boot.image == key) {
            throw Failure(Code::conflict, "image " + key + " is used by " + handle);
        }
    images.erase(key);
}

void Outside::publish(const runtime::PublishRequest &request) {
    for (const auto &service : request.services)
        if (!service.handle.empty() && !late_effects && !ever_ready.contains(service.handle))
            broken(service.handle + " was to be published although it was never ready");
    for (const auto &before : published[request.ns]) {
        auto machine = machines.find(before.handle);
        if (machine == machines.end() || !must_stay(machine->second.boot)) continue;
        bool stays = std::any_of(request.services.begin(), request.services.end(), [&](auto &now) { return now.handle == before.handle; });
        if (!stays) broken(before.handle + " is ready and wanted, but was to be taken away from its users");
    }
    published[request.ns] = request.services;
}

void Outside::create_volume(const std::string &volume, uint64_t size) {
    auto [there, made] = volumes.emplace(volume, size);
    if (!made) there->second = std::max(there->second, size);
}

void Outside::resize_volume(const std::string &volume, uint64_t size) {
    auto there = volumes.find(volume);
    if (there == volumes.end()) throw Failure(Code::not_found, "there is no volume " + volume);
    if (size < there->second) {
        if (!late_effects) broken("volume " + volume + " was to shrink");
        throw Failure(Code::invalid, "volume " + volume + " cannot shrink");
    }
    there->second = size;
}

void Outside::apply_records(const dns::ApplyRequest &request) {
    for (auto set : request.sets) {
        std::string key = set.name + " " + set.type;
        if (auto there = records.find(key); there != records.end() && there->second.owner != request.owner)
            throw Failure(Code::conflict, key + " belongs to somebody else");
        set.owner = request.owner;
        records[key] = set;
    }
}

void Outside::remove_records(const dns::RemoveRequest &request) {
    for (const auto &name : request.sets) {
        std::string key = name.name + " " + name.type;
        auto there = records.find(key);
        if (there == records.end()) continue;
        if (there->second.owner != request.owner) broken("the foreign record " + key + " was to be removed");
        records.erase(there);
    }
}

}  // namespace seed::simulation
