// Loading a plugin file.  dlopen runs the plugin's constructors, so loading is trust: everything that can be checked without
// running its code is checked before.  Every failure names the file, the reason and the remedy.
#pragma once
#include <string>
#include <vector>

#include <seed/abi.h>

#include "core/providers/contracts.h"

namespace seed::providers {

// Absolute, a regular file, not writable by strangers, neither are the folders above it.  Looks at the file system only.
void check_plugin_file(const std::string &path);

// Exactly one symbol may be exported: seed_plugin_v1.  Reads the ELF tables, runs nothing.
void check_plugin_symbols(const std::string &path);

struct LoadedPlugin {
    const seed_provider *provider = nullptr;  // static data of the plugin, which is never unloaded
    const Contract *contract = nullptr;
};

// Both checks, then load, then choose the provider `id` of contract kind `kind` in a revision we speak.  A file is loaded once
// and stays for the life of the process.  Any thread.
LoadedPlugin load_plugin(const std::string &path, const std::string &id, const std::string &kind);

// Both checks, then load, then everything the file offers, at most 64 providers.  Any thread.
std::vector<const seed_provider *> list_providers(const std::string &path);

}  // namespace seed::providers
