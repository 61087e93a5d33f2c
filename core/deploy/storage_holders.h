// Which storage providers have volumes of this platform, remembered so that changing the configuration loses none of them.
//
// A holder is a plugin with a configuration and a state folder of its own.  The first configured one makes new volumes.  One that the
// configuration no longer names is opened as it was remembered for as long as it has volumes.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "core/providers/provider.h"
#include "core/state/store.h"

namespace seed::deploy {

struct StorageHolder {
    std::string plugin, folder;   // below the platform's state directory: "storage", "storage-2"
    providers::json config = providers::json::object();
    bool in_process = true;
    std::set<std::string> volumes = {};   // that it had at the last start; those deleted since may be among them
    // Of this start:
    bool configured = true;   // false: kept because of its volumes
    bool changed = false;     // the same holder as before with another configuration
};

std::vector<StorageHolder> read_storage_holders(const state::Store &store);
void write_storage_holders(state::Store &store, const std::vector<StorageHolder> &holders);

// The configured ones in their order, with their folders, then those that are remembered only.  The same plugin and configuration is the same
// holder; then the same plugin with another configuration is, in order: to leave volumes where they are and make new ones elsewhere with the same
// plugin, both are configured.
std::vector<StorageHolder> match_storage_holders(const std::vector<StorageHolder> &configured, const std::vector<StorageHolder> &known);

}  // namespace seed::deploy
