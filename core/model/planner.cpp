// How a plan is made.
//
// For each instance the boots that are there fall into three kinds: one to *keep* (labelled with what is wanted now, ready or on
// its way; a ready one before a starting one, then the newest), *running* others, and *ended* ones.  With a boot to keep nothing
// is started; without one exactly one boot is.  Everything else is removed.  When the rollout is `recreate` it is stopped before the
// start, so that two boots never hold one volume, and what it left is destroyed while the new one boots; when it is `rolling`, both come
// after the new one serves.
//
// A crash may leave any prefix of a plan carried out.  Nothing here remembers earlier plans: the next one follows from what is
// observed then.
#include "core/model/planner.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

// "2001:DB8::0:1" and "2001:db8::1" are one address.
std::string canonical_value(const Record &record) {
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];
    if (record.type != "AAAA" || inet_pton(AF_INET6, record.value.c_str(), bytes) != 1) return record.value;
    return inet_ntop(AF_INET6, bytes, text, sizeof text);
}

// Later boots sort later: BOOTID begins with milliseconds, and a longer number is a later time.
bool is_older(const ObservedBoot *a, const ObservedBoot *b) {
    auto key = [](const std::string &handle) {
        size_t id = handle.rfind('/') + 1, end = std::min(handle.find('-', id), handle.size());
        return std::tuple(end - id, std::string_view(handle).substr(id));
    };
    return std::tuple(key(a->handle), a->handle) < std::tuple(key(b->handle), b->handle);
}

class Planner {
public:
    Planner(const Desired &desired, const Observed &observed) : desired_(desired), observed_(observed) {
        for (const auto &volume : observed.volumes) volume_sizes_[volume.volume] = volume.size_bytes;
        images_.insert(observed.images.begin(), observed.images.end());
        for (const auto &boot : observed.boots) boots_[boot.instance].push_back(&boot);
        for (auto &[instance, boots] : boots_) std::sort(boots.begin(), boots.end(), is_older);
    }

    std::vector<Action> make() {
        for (const auto &[name, spec] : desired_.instances) check(spec);
        for (const auto &[name, spec] : desired_.instances) plan_instance(spec);
        apply_records();
        reap();
        return std::move(actions_);
    }

private:
    Action &add(ActionKind kind, const std::string &instance, std::string reason) {
        Action &action = actions_.emplace_back();
        action.kind = kind;
        action.instance = instance;
        action.reason = std::move(reason);
        return action;
    }

    std::string volume_id(const InstanceSpec &spec, const VolumeSpec &volume) const {
        return desired_.ns + "/" + spec.name + "/" + volume.name;
    }

    void check(const InstanceSpec &spec) const {
        if (spec.rollout == Rollout::rolling && !spec.volumes.empty())
            throw Failure(Code::invalid, "instance " + spec.name + ": seed.rollout = \"rolling\" cannot be with seed.storage." +
                                             spec.volumes.front().name +
                                             ", which only one boot may hold: use rollout = \"recreate\"");
        for (const auto &volume : spec.volumes) {
            auto found = volume_sizes_.find(volume_id(spec, volume));
            if (!desired_.volumes_may_be_larger && found != volume_sizes_.end() && found->second > volume.size_bytes)
                throw Failure(Code::invalid, "instance " + spec.name + ": seed.storage." + volume.name + " is " +
                                                 format_size(found->second) + " and cannot shrink to " +
                                                 format_size(volume.size_bytes) + ": ask for at least " +
                                                 format_size(found->second) + ", or use a volume of another name");
        }
        if (!spec.expose.empty() && !desired_.addresses.contains(spec.name))
            throw Failure(Code::internal, "instance " + spec.name + " exposes ports but was given no service address");
    }

    void plan_volumes(const InstanceSpec &spec) {
        for (const auto &volume : spec.volumes) {
            std::string id = volume_id(spec, volume);
            auto found = volume_sizes_.find(id);
            if (found != volume_sizes_.end() && found->second >= volume.size_bytes) continue;
            bool missing = found == volume_sizes_.end();
            Action &action = add(missing ? ActionKind::create_volume : ActionKind::grow_volume, spec.name,
                                 missing ? "it does not exist yet" : "it has " + format_size(found->second));
            action.volume = id;
            action.size_bytes = volume.size_bytes;
        }
    }

    void remove_boot(const ObservedBoot &boot, const std::string &reason) {
        if (boot.state != "exited") add(ActionKind::stop, boot.instance, reason).handle = boot.handle;
        add(ActionKind::destroy, boot.instance, reason).handle = boot.handle;
    }

    std::string why_not_kept(const ObservedBoot &boot, const std::string &label) const {
        if (boot.state == "exited") return "it exited" + (boot.reason.empty() ? std::string() : ": " + boot.reason);
        if (boot.desired == label) return "another boot of the same instance is kept";
        // The label is HASH-RESTARTS: the same hash means that only a restart was asked for.
        if (boot.desired.substr(0, boot.desired.rfind('-')) == label.substr(0, label.rfind('-')))
            return "a restart was asked for";
        return "what is wanted of it changed";
    }

    std::string why_started(const std::vector<const ObservedBoot *> &boots, const std::string &label) const {
        return boots.empty() ? "it has no boot" : why_not_kept(*boots.back(), label);
    }

    bool is_published(const InstanceSpec &spec, const std::string &handle) const {
        auto found = observed_.services.find(spec.name);
        return found != observed_.services.end() && found->second.handle == handle &&
               found->second.address == desired_.addresses.at(spec.name) && found->second.expose == spec.expose &&
               found->second.routes == public_ports(spec, desired_.ipv4);
    }

    void plan_instance(const InstanceSpec &spec) {
        auto requests = desired_.restart_requests.find(spec.name);
        std::string label = boot_label(spec, requests == desired_.restart_requests.end() ? 0 : requests->second);
        const std::vector<const ObservedBoot *> &boots = boots_[spec.name];

        const ObservedBoot *keep = nullptr;
        for (const char *state : {"starting", "ready"})  // the last match stays: ready before starting, newest before older
            for (const auto *boot : boots)
                if (boot->desired == label && boot->state == state) keep = boot;
        std::vector<const ObservedBoot *> running, ended;
        for (const auto *boot : boots)
            if (boot != keep) (boot->state == "exited" ? ended : running).push_back(boot);

        bool rests = desired_.resting.contains(spec.name);
        plan_volumes(spec);
        // Instances that share an image each prepare it: their chains are carried out side by side, and preparing twice is free.
        if ((!keep || rests) && (spec.image.empty() || !images_.contains(spec.image)))
            add(ActionKind::prepare_image, spec.name, "the runtime does not have it").image = spec.image;
        for (const auto *boot : ended) remove_boot(*boot, why_not_kept(*boot, label));
        auto stop_running = [&] {
            for (const auto *boot : running) add(ActionKind::stop, spec.name, why_not_kept(*boot, label)).handle = boot->handle;
        };
        auto destroy_running = [&] {
            for (const auto *boot : running) add(ActionKind::destroy, spec.name, why_not_kept(*boot, label)).handle = boot->handle;
        };
        auto remove_running = [&] {
            for (const auto *boot : running) remove_boot(*boot, why_not_kept(*boot, label));
        };
        // Nothing exposed any more: the ports close before anything else happens, so that no client meets a half-gone service.
        if ((rests || spec.expose.empty()) && observed_.services.contains(spec.name))
            add(ActionKind::unpublish, spec.name, rests ? "it shall not run" : "it exposes nothing any more");
        if (rests) {
            if (keep) remove_boot(*keep, "it shall not run");
            return remove_running();
        }
        if (spec.rollout == Rollout::recreate) stop_running();
        if (!keep) add(ActionKind::start, spec.name, why_started(boots, label));
        if (spec.rollout == Rollout::recreate) destroy_running();
        if (!keep || keep->state == "starting")
            add(ActionKind::await_ready, spec.name, "its boot is on its way").handle = keep ? keep->handle : "";
        if (!spec.expose.empty() && !(keep && is_published(spec, keep->handle)))
            add(ActionKind::publish, spec.name, why_published(spec, keep)).handle = keep ? keep->handle : "";
        if (spec.rollout == Rollout::rolling) remove_running();
    }

    std::string why_published(const InstanceSpec &spec, const ObservedBoot *keep) const {
        auto found = observed_.services.find(spec.name);
        if (found == observed_.services.end()) return "it is not published yet";
        if (!keep || found->second.handle != keep->handle) return "another boot serves it now";
        if (found->second.address != desired_.addresses.at(spec.name)) return "its address changed";
        return found->second.expose != spec.expose ? "its ports changed" : "its public routes changed";
    }

    // Whose name it is, for people: by what is wanted, otherwise by the name itself.
    std::string instance_of(const Record &record) const {
        if (record.zone.empty()) return record.name.substr(0, record.name.find('.'));
        for (const auto &[name, spec] : desired_.instances)
            for (const auto &own : spec.names)
                if (record.name == own.name + "." || record.name == "*." + own.name + ".") return name;
        return {};
    }

    // Writing a record replaces all values of its name and type, so a changed value is one apply_record.
    void apply_records() {
        std::set<Record> there;
        for (Record record : observed_.records) {
            record.value = canonical_value(record);
            there.insert(record);
        }
        for (const auto &record : wanted_records(desired_)) {
            auto same_set = [&](const Record &other) { return other.name == record.name && other.type == record.type; };
            if (std::count_if(there.begin(), there.end(), same_set) == 1 && there.contains(record)) continue;
            bool exists = std::any_of(there.begin(), there.end(), same_set);
            add(ActionKind::apply_record, instance_of(record), exists ? "it has another value" : "it does not exist yet").record = record;
        }
    }

    void reap() {
        const std::string gone = "its instance is not in the flake any more";
        for (const auto &[instance, service] : observed_.services)
            if (!desired_.instances.contains(instance)) add(ActionKind::unpublish, instance, gone);
        std::set<std::pair<std::string, std::string>> wanted;
        for (const auto &record : wanted_records(desired_)) wanted.emplace(record.name, record.type);
        std::set<Record> stale;  // ordered and without repetitions
        for (const auto &record : observed_.records)
            if (!wanted.contains({record.name, record.type})) stale.insert(record);
        for (const auto &record : stale) {
            std::string instance = instance_of(record);
            bool known = !record.zone.empty() || desired_.instances.contains(instance);
            add(ActionKind::remove_record, instance, known ? "it is not wanted any more" : gone).record = record;
        }
        for (const auto &[instance, boots] : boots_)
            if (!desired_.instances.contains(instance))
                for (const auto *boot : boots) remove_boot(*boot, gone);
    }

    const Desired &desired_;
    const Observed &observed_;
    std::map<std::string, uint64_t> volume_sizes_;
    std::set<std::string> images_;
    std::map<std::string, std::vector<const ObservedBoot *>> boots_;  // by instance, oldest first
    std::vector<Action> actions_;
};

}  // namespace

std::set<Record> wanted_records(const Desired &desired) {
    std::set<Record> wanted;
    for (const auto &[name, spec] : desired.instances) {
        if (spec.expose.empty()) continue;
        bool has_ipv4 = !desired.ipv4.empty() && std::any_of(spec.routes.begin(), spec.routes.end(), [](const Route &route) { return route.address.empty(); });
        auto add = [&](const std::string &full_name, const std::string &zone) {
            Record record{full_name + ".", "AAAA", desired.addresses.at(name), zone};
            record.value = canonical_value(record);
            wanted.insert(record);
            if (has_ipv4) wanted.insert({full_name + ".", "A", desired.ipv4, zone});
        };
        if (!desired.domain.empty()) add(name + "." + desired.ns + "." + desired.domain, "");
        for (const auto &own : spec.names) {
            add(own.name, own.domain + ".");
            if (own.name == own.domain) add("*." + own.name, own.domain + ".");
        }
    }
    return wanted;
}

std::string boot_label(const InstanceSpec &spec, uint64_t restart_requests) {
    return spec.desired_hash() + "-" + std::to_string(restart_requests);
}

std::vector<Action> plan(const Desired &desired, const Observed &observed) {
    return Planner(desired, observed).make();
}

}  // namespace seed::model
