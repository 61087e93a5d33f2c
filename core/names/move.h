// The hoster names another DNS provider: our records move there and leave the old one only when the new one has them all.
//
// 1. what is ours is read from the old provider; 2. applied to the new one; 3. read back there, and waited for until it has settled;
// 4. only then removed from the old one.  Every step may be repeated: a crash in between begins again with the first.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <seed/dns.hpp>

#include "core/base/async.h"
#include "core/providers/provider.h"
#include "core/state/store.h"

namespace seed::names {

// Which provider holds the records now, kept in the state.  The folder differs for each provider that ever was one of this
// platform: they never see each other's files.
struct Holder {
    std::string plugin, folder;   // below the platform's state directory: "dns", "dns-rfc2136"
    providers::json config = providers::json::object();
    bool in_process = true;
};
std::optional<Holder> read_holder(const state::Store &store);
void write_holder(state::Store &store, const Holder &holder);
// The folder of `plugin`: the first provider has "dns", every other one a folder of its name.
std::string folder_of(const state::Store &store, const std::string &plugin);

// The record sets of `zone` at `provider` that have our mark.
Task<std::vector<dns::RecordSet>> list_ours(const Call &call, std::shared_ptr<providers::Provider> provider, std::string zone, std::string owner);

// Returns how many record sets were moved.  Throws Failure; nothing has been removed then.
Task<size_t> move_records(const Call &call, std::shared_ptr<providers::Provider> from, std::shared_ptr<providers::Provider> to,
                          std::string zone, std::string owner);

}  // namespace seed::names
