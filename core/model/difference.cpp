#include "core/model/difference.h"

#include <algorithm>
#include <set>

#include <seed/util/text.h>

namespace seed::model {
namespace {

std::string text_of(const ExposedPort &port) { return std::to_string(port.port) + "/" + port.protocol; }
std::string text_of(const Connection &connection) {
    return connection.service + (connection.port ? ":" + std::to_string(connection.port) : "");
}
std::string text_of(const OwnName &name) { return "in " + name.domain; }
std::string text_of(const Route &route) {
    std::string from = std::to_string(route.port) + "/" + route.protocol;
    if (!route.address.empty()) from += " of " + route.address;
    return from + (route.target_port == route.port ? "" : " to " + std::to_string(route.target_port));
}
std::string text_of(const VolumeSpec &volume) {
    return format_size(volume.size_bytes) + " at " + volume.mount_point + ", " + volume.user + ":" + volume.group + " " + volume.mode;
}
std::string text_of(const Size &size) {
    return size.name + " (" + std::to_string(size.vcpus) + " vCPU, " + std::to_string(size.memory_mib) + " MiB)";
}
// "/nix/store/HASH-NAME" is told by the first of its hash and its name: what changed is seen, and a line stays a line.
std::string text_of_closure(const std::string &path) {
    constexpr std::string_view store = "/nix/store/";
    if (!path.starts_with(store) || path.size() < store.size() + 34) return path;
    return path.substr(store.size(), 8) + "..-" + path.substr(store.size() + 33);
}
std::string text_of(Rollout rollout) { return rollout == Rollout::rolling ? "rolling" : "recreate"; }
std::string text_of(bool value) { return value ? "true" : "false"; }

class Comparison {
public:
    void simple(const std::string &what, const std::string &from, const std::string &to) {
        if (from != to) aspects.push_back({what, from, to});
    }
    template <typename Value>
    void named(const std::string &what, const std::vector<Value> &from, const std::vector<Value> &to) {
        std::map<std::string, std::pair<std::string, std::string>> by_name;
        for (const auto &value : from) by_name[value.name].first = text_of(value);
        for (const auto &value : to) by_name[value.name].second = text_of(value);
        for (const auto &[name, texts] : by_name) simple(what + "." + name, texts.first, texts.second);
    }
    std::vector<Aspect> aspects;
};

InstanceDifference compare(const InstanceSpec &from, const InstanceSpec &to) {
    InstanceDifference result;
    result.instance = to.name;
    result.restarts = from.desired_hash() != to.desired_hash();
    Comparison comparison;
    comparison.simple("closure", text_of_closure(from.out_path), text_of_closure(to.out_path));
    comparison.simple("size", text_of(from.size), text_of(to.size));
    comparison.named("expose", from.expose, to.expose);
    comparison.named("storage", from.volumes, to.volumes);
    comparison.named("connect", from.connect, to.connect);
    comparison.named("dns", from.names, to.names);
    for (bool six : {false, true}) {
        auto of_family = [six](std::vector<Route> routes) {
            std::erase_if(routes, [six](const Route &route) { return route.address.empty() == six; });
            return routes;
        };
        comparison.named(six ? "ipv6.routes" : "ipv4.routes", of_family(from.routes), of_family(to.routes));
    }
    comparison.simple("rollout", text_of(from.rollout), text_of(to.rollout));
    comparison.simple("autostart", text_of(from.autostart), text_of(to.autostart));
    result.aspects = std::move(comparison.aspects);
    if (result.restarts || !result.aspects.empty()) result.change = Change::changed;
    return result;
}

}  // namespace

std::string_view to_string(Change change) {
    switch (change) {
        case Change::added:
            return "added";
        case Change::removed:
            return "removed";
        case Change::changed:
            return "changed";
        case Change::unchanged:
            return "unchanged";
    }
    return "unknown";
}

std::vector<InstanceDifference> difference(const std::map<std::string, InstanceSpec> &from, const std::map<std::string, InstanceSpec> &to) {
    std::set<std::string> names;
    for (const auto &[name, spec] : from) names.insert(name);
    for (const auto &[name, spec] : to) names.insert(name);
    std::vector<InstanceDifference> all;
    for (const auto &name : names) {
        auto before = from.find(name), after = to.find(name);
        if (before == from.end()) all.push_back({name, Change::added, false, {}});
        else if (after == to.end()) all.push_back({name, Change::removed, false, {}});
        else all.push_back(compare(before->second, after->second));
    }
    return all;
}

bool is_empty(const std::vector<InstanceDifference> &differences) {
    return std::all_of(differences.begin(), differences.end(), [](const auto &one) { return one.change == Change::unchanged; });
}

std::string describe(const InstanceDifference &difference) {
    std::string line = difference.instance + ": " + std::string(to_string(difference.change));
    if (difference.change == Change::removed) line += "; its volumes are kept";
    if (difference.change != Change::changed) return line;
    line += difference.restarts ? ", restarts" : ", no restart";
    std::string aspects;
    for (const auto &aspect : difference.aspects) {
        aspects += (aspects.empty() ? "" : "; ") + aspect.what + " ";
        if (aspect.from.empty()) aspects += "added: " + aspect.to;
        else if (aspect.to.empty()) aspects += "removed: " + aspect.from;
        else aspects += aspect.from + " -> " + aspect.to;
    }
    return line + (aspects.empty() ? "" : " (" + aspects + ")");
}

}  // namespace seed::model
