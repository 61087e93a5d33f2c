// From what evaluation returned to an InstanceSpec.  The JSON is a stranger's: everything that is used later is checked here.
#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/model/connect_rules.h"
#include "core/model/domain_rules.h"
#include "core/model/expose_rules.h"
#include "core/model/instance_spec.h"
#include "core/model/route_rules.h"
#include "core/model/volume_rules.h"

namespace seed::model {
namespace {

using json = nlohmann::json;

constexpr size_t most_ports = 32, most_volumes = 16, most_connections = 64, most_names = 64;

// /nix/store/HASH-NAME with the characters Nix allows, so that the path is safe wherever it goes.
bool is_store_path(std::string_view path) {
    constexpr std::string_view store = "/nix/store/";
    if (!path.starts_with(store) || path.size() > 300) return false;
    path.remove_prefix(store.size());
    if (path.size() < 34 || path[32] != '-' || path[33] == '.') return false;
    auto hash = path.substr(0, 32), name = path.substr(33);
    return std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }) &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return isalnum(static_cast<unsigned char>(c)) || std::string_view("+-._?=").find(c) != std::string_view::npos;
           });
}

// A member of `meta`, null counted as absent.
const json *member(const json &object, const char *name) {
    auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string checked_name(const std::string &where, const std::string &name) {
    try {
        return InstanceName(name).str();  // the same rule for ports and volumes: safe as path, argument and label
    } catch (const Failure &) {
        throw Failure(Code::invalid,
                      where + ": the name \"" + printable(name, 60) + "\" cannot be: use 1 to 40 of a-z, 0-9 and inner '-'");
    }
}

const json &object_member(const std::string &where, const json &value) {
    if (!value.is_object()) throw Failure(Code::invalid, where + " must be an attribute set");
    return value;
}

}  // namespace

InstanceSpec parse_instance(const std::string &name, const json &evaluated) {
    InstanceSpec spec;
    spec.name = InstanceName(name).str();
    std::string instance = "instance " + spec.name;
    if (!evaluated.is_object() || !member(evaluated, "meta") || !evaluated["meta"].is_object())
        throw Failure(Code::invalid,
                      instance + " has no `meta`: make it with seed.lib.mkSeed, or give the attribute set meta = { };");
    const json &meta = evaluated["meta"];

    spec.size = size_named("xs");
    if (const json *size = member(meta, "size")) {
        if (!size->is_string()) throw Failure(Code::invalid, instance + ": seed.size must be text in quotes, like \"s\"");
        try {
            spec.size = size_named(size->get_ref<const std::string &>());
        } catch (const Failure &error) {
            throw Failure(Code::invalid, instance + ": seed." + error.what());
        }
    }
    if (const json *expose = member(meta, "expose"))
        for (const auto &[port, value] : object_member(instance + ": seed.expose", *expose).items()) {
            std::string checked = checked_name(instance + ": seed.expose", port);
            if (value.is_null()) continue;
            if (auto exposed = parse_exposed(instance + ": seed.expose." + checked, checked, value))
                spec.expose.push_back(*exposed);
        }
    if (const json *storage = member(meta, "storage"))
        for (const auto &[volume, value] : object_member(instance + ": seed.storage", *storage).items()) {
            std::string checked = checked_name(instance + ": seed.storage", volume);
            if (!value.is_null()) spec.volumes.push_back(parse_volume(instance + ": seed.storage." + checked, checked, value));
        }
    if (const json *connect = member(meta, "connect"))
        for (const auto &[connection, value] : object_member(instance + ": seed.connect", *connect).items()) {
            std::string checked = checked_name(instance + ": seed.connect", connection);
            if (!value.is_null()) spec.connect.push_back(parse_connection(instance + ": seed.connect." + checked, checked, value));
        }
    auto by_name = [](const auto &a, const auto &b) { return a.name < b.name; };
    std::sort(spec.expose.begin(), spec.expose.end(), by_name);
    std::sort(spec.volumes.begin(), spec.volumes.end(), by_name);
    std::sort(spec.connect.begin(), spec.connect.end(), by_name);
    if (spec.expose.size() > most_ports)
        throw Failure(Code::limit, instance + ": seed.expose has " + std::to_string(spec.expose.size()) + " ports: use at most " +
                                       std::to_string(most_ports));
    if (spec.volumes.size() > most_volumes)
        throw Failure(Code::limit, instance + ": seed.storage has " + std::to_string(spec.volumes.size()) +
                                       " volumes: use at most " + std::to_string(most_volumes));
    if (spec.connect.size() > most_connections)
        throw Failure(Code::limit, instance + ": seed.connect has " + std::to_string(spec.connect.size()) + " members: use at most " +
                                       std::to_string(most_connections));
    refuse_ports_used_twice(spec.name, spec.expose);
    refuse_mount_points_used_twice(spec.name, spec.volumes);

    if (const json *rollout = member(meta, "rollout")) {
        if (*rollout == "rolling")
            spec.rollout = Rollout::rolling;
        else if (*rollout != "recreate")
            throw Failure(Code::invalid, instance + ": seed.rollout " +
                                             printable(rollout->dump(-1, ' ', true, json::error_handler_t::replace), 40) +
                                             " is unknown: use \"recreate\" or \"rolling\"");
    }
    if (spec.rollout == Rollout::rolling && !spec.volumes.empty())
        throw Failure(Code::invalid,
                      instance + ": seed.rollout = \"rolling\" runs two boots at once, but only one may hold seed.storage." +
                          spec.volumes.front().name + ": use rollout = \"recreate\", or move the volume to another instance");

    if (const json *autostart = member(meta, "autostart")) {
        if (!autostart->is_boolean()) throw Failure(Code::invalid, instance + ": seed.autostart must be true or false");
        spec.autostart = autostart->get<bool>();
    }

    const json *dns = member(meta, "dns"), *names = dns && dns->is_object() ? member(*dns, "names") : nullptr;
    if (dns && !dns->is_object()) throw Failure(Code::invalid, instance + ": seed.dns must be { names; }, like { names = [ \"www.example.com\" ]; }");
    if (names) {
        if (!names->is_array()) throw Failure(Code::invalid, instance + ": seed.dns.names must be a list, like [ \"www.example.com\" ]");
        if (names->size() > most_names)
            throw Failure(Code::limit, instance + ": seed.dns.names has " + std::to_string(names->size()) + " names: use at most " + std::to_string(most_names));
        for (const auto &name : *names) {
            try {
                spec.names.push_back({DomainName(name.is_string() ? name.get_ref<const std::string &>() : "").str(), ""});
            } catch (const Failure &) {
                throw Failure(Code::invalid, instance + ": seed.dns.names " + printable(name.dump(-1, ' ', true, json::error_handler_t::replace), 80) +
                                                 " is not a domain name: write it like \"www.example.com\"");
            }
        }
    }

    const json *out = member(evaluated, "outPath"), *drv = member(evaluated, "drvPath");
    if (!out || !out->is_string() || !is_store_path(out->get_ref<const std::string &>()))
        throw Failure(
            Code::invalid,
            instance + ": `toplevel` is not a derivation with a store path: make it with seed.lib.mkSeed or builtins.derivation");
    spec.out_path = out->get<std::string>();
    if (drv) {
        if (!drv->is_string() || !is_store_path(drv->get_ref<const std::string &>()) ||
            !drv->get_ref<const std::string &>().ends_with(".drv"))
            throw Failure(
                Code::invalid,
                instance +
                    ": the drvPath of `toplevel` is not a derivation's: make it with seed.lib.mkSeed or builtins.derivation");
        spec.drv_path = drv->get<std::string>();
    }
    return spec;
}

std::map<std::string, InstanceSpec> parse_flake(const json &evaluated) {
    const json nothing;
    const json *seeds = &evaluated;
    auto output = [&](const char *name) -> const json & {   // of the flake; of instances alone there is none
        if (seeds == &evaluated) return nothing;
        auto found = evaluated.find(name);
        return found == evaluated.end() ? nothing : *found;
    };
    if (evaluated.is_object())
        if (auto found = evaluated.find("seeds"); found != evaluated.end() && !found->contains("outPath")) seeds = &*found;
    if (!seeds->is_object() || seeds->empty())
        throw Failure(Code::invalid, "the flake exports no seeds: add an output like seeds.web = seed.lib.mkSeed { ... };");
    std::map<std::string, InstanceSpec> instances;
    for (const auto &[name, entry] : seeds->items()) instances.emplace(name, parse_instance(name, entry));
    refuse_impossible_connections(instances);
    place_names(instances, parse_domains(output("domains")));
    place_routes(instances, output("ipv4"), output("ipv6"));
    return instances;
}

}  // namespace seed::model
