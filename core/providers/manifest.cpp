#include "core/providers/manifest.h"

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/providers/loader.h"

namespace seed::providers {

std::string manifest_path(const std::string &plugin) {
    std::filesystem::path path(plugin);
    return path.replace_extension(".json").string();
}

std::optional<json> read_manifest(const std::string &plugin) {
    auto text = read_file_if_exists(manifest_path(plugin), 1u << 20);
    if (!text) return std::nullopt;
    json manifest = parse_json(*text, manifest_path(plugin));
    if (!manifest.is_object() || !manifest.contains("providers") || !manifest["providers"].is_array())
        throw Failure(Code::invalid, manifest_path(plugin) + " is no plugin manifest: make it with seed-plugin-check --manifest");
    return manifest;
}

json describe_provider(const seed_provider &provider) {
    auto text = [](const char *value) { return std::string(value ? value : ""); };
    json description = {{"id", text(provider.id)},
                        {"contract", text(provider.contract)},
                        {"version", text(provider.version)},
                        {"summary", text(provider.summary)},
                        {"concurrent", (provider.flags & SEED_CONCURRENT) != 0},
                        {"slots", json::array()},
                        {"config_schema", json::object()}};
    for (const Contract &contract : contracts()) {
        if (contract.id() != description["contract"]) continue;
        for (const Slot &slot : contract.slots) {
            if (operation_of(provider.ops, slot)) description["slots"].push_back(slot.name);
        }
    }
    if (provider.config_schema && *provider.config_schema)
        description["config_schema"] = parse_json(provider.config_schema, description["id"].get<std::string>() + ": config_schema");
    return description;
}

json make_manifest(const std::string &plugin) {
    json manifest = {{"abi", abi_revision}, {"sha256", sha256_hex(read_file(plugin, 256u << 20))}, {"providers", json::array()}};
    for (const seed_provider *provider : list_providers(plugin)) manifest["providers"].push_back(describe_provider(*provider));
    return manifest;
}

}  // namespace seed::providers
