#include "core/model/instance_spec.h"

#include <array>

#include <seed/util/text.h>
#include <seed/codec.hpp>

namespace seed::model {

namespace {

const std::array<Size, 5> sizes = {Size{"xs", 1, 512}, Size{"s", 1, 1024}, Size{"m", 2, 2048}, Size{"l", 4, 4096},
                                   Size{"xl", 8, 8192}};

std::string_view to_string(Rollout rollout) {
    return rollout == Rollout::rolling ? "rolling" : "recreate";
}

}  // namespace

SEED_JSON(Size, name, vcpus, memory_mib)
SEED_JSON(ExposedPort, name, port, protocol)
SEED_JSON(Connection, name, service, port)
SEED_JSON(OwnName, name, domain)
SEED_JSON(Route, name, address, port, protocol, target_port)
SEED_JSON(VolumeSpec, name, size_bytes, mount_point, user, group, mode)

Size size_named(std::string_view name) {
    std::string known;
    for (const auto &size : sizes) {
        if (size.name == name) return size;
        known += (known.empty() ? "" : ", ") + size.name + " (" + std::to_string(size.vcpus) + " vCPU, " +
                 std::to_string(size.memory_mib) + " MiB)";
    }
    throw Failure(Code::invalid, "size \"" + printable(name, 40) + "\" is unknown: use " + known);
}

json to_json(const InstanceSpec &spec) {
    return {{"name", spec.name},
            {"size", spec.size},
            {"expose", spec.expose},
            {"volumes", spec.volumes},
            {"connect", spec.connect},
            {"names", spec.names},
            {"routes", spec.routes},
            {"rollout", to_string(spec.rollout)},
            {"autostart", spec.autostart},
            {"out_path", spec.out_path},
            {"drv_path", spec.drv_path},
            {"image", spec.image}};
}

InstanceSpec spec_from_json(const json &stored) {
    codec::require_object(stored);
    InstanceSpec spec;
    codec::read_member(stored, "name", spec.name);
    codec::read_member(stored, "size", spec.size);
    codec::read_member(stored, "expose", spec.expose);
    codec::read_member(stored, "volumes", spec.volumes);
    codec::read_member(stored, "connect", spec.connect);
    codec::read_member(stored, "names", spec.names);
    codec::read_member(stored, "routes", spec.routes);
    codec::read_member(stored, "autostart", spec.autostart);
    std::string rollout = "recreate";
    codec::read_member(stored, "rollout", rollout);
    spec.rollout = rollout == "rolling" ? Rollout::rolling : Rollout::recreate;
    codec::read_member(stored, "out_path", spec.out_path);
    codec::read_member(stored, "drv_path", spec.drv_path);
    codec::read_member(stored, "image", spec.image);
    return spec;
}

std::string InstanceSpec::desired_hash() const {
    json everything = to_json(*this);
    for (const char *member : {"names", "routes", "drv_path", "image", "rollout", "autostart"}) everything.erase(member);
    if (connect.empty()) everything.erase("connect");
    return sha256_hex(everything.dump(-1, ' ', true, json::error_handler_t::replace));
}

std::string generation_hash(const std::map<std::string, InstanceSpec> &instances) {
    std::string all;
    for (const auto &[name, spec] : instances) {
        all += name + " " + spec.desired_hash() + " " + std::string(to_string(spec.rollout)) + (spec.autostart ? "" : " waits");
        for (const auto &own : spec.names) all += " " + own.name + "/" + own.domain;
        for (const auto &route : spec.routes) all += " " + json(route).dump();
        all += "\n";
    }
    return sha256_hex(all);
}

}  // namespace seed::model
