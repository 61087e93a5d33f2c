// The manifest: what a plugin says of itself, in a file beside it, so that it can be read without running the plugin.
//
// PLUGIN.json beside PLUGIN.so:
//   {"abi":1,"sha256":"..","providers":[{"id","contract","version","summary","concurrent","slots":[..],"config_schema":{..}}]}
// The build makes it (seed-plugin-check --manifest).  Absent ones are no mistake; one that differs from the plugin is.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include <seed/abi.h>

namespace seed::providers {

using json = nlohmann::json;

std::string manifest_path(const std::string &plugin);              // ".../dns-powerdns.so" to ".../dns-powerdns.json"
std::optional<json> read_manifest(const std::string &plugin);      // none: there is no such file.  Failure(invalid) when it is broken
json make_manifest(const std::string &plugin);                     // loads the plugin: runs its code
json describe_provider(const seed_provider &provider);             // one element of "providers"

}  // namespace seed::providers
