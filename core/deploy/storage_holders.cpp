#include "core/deploy/storage_holders.h"

#include <algorithm>

#include <seed/codec.hpp>

namespace seed::deploy {

using providers::json;

namespace {

constexpr const char *setting = "storage holders";

}  // namespace

std::vector<StorageHolder> read_storage_holders(const state::Store &store) {
    std::vector<StorageHolder> holders;
    auto text = store.setting(setting);
    const json list = text ? parse_json(*text, setting) : json::array();
    for (const json &one : list) {
        StorageHolder holder{one.value("plugin", ""), one.value("folder", "storage"), one.value("config", json::object()), one.value("in_process", true)};
        holder.volumes = one.value("volumes", std::set<std::string>{});
        holders.push_back(std::move(holder));
    }
    return holders;
}

void write_storage_holders(state::Store &store, const std::vector<StorageHolder> &holders) {
    json list = json::array();
    for (const auto &one : holders)
        list.push_back({{"plugin", one.plugin}, {"folder", one.folder}, {"config", one.config}, {"in_process", one.in_process}, {"volumes", one.volumes}});
    std::string text = list.dump();
    if (store.setting(setting) != text) store.set_setting(setting, text);
}

std::vector<StorageHolder> match_storage_holders(const std::vector<StorageHolder> &configured, const std::vector<StorageHolder> &known) {
    std::vector<StorageHolder> result = configured;
    std::vector<bool> found(result.size()), used(known.size());
    for (bool same_config : {true, false})
        for (size_t i = 0; i < result.size(); ++i)
            for (size_t k = 0; k < known.size() && !found[i]; ++k) {
                if (used[k] || known[k].plugin != result[i].plugin || (same_config && known[k].config != result[i].config)) continue;
                found[i] = used[k] = true;
                result[i].folder = known[k].folder;
                result[i].volumes = known[k].volumes;
                result[i].changed = !same_config;
            }
    auto taken = [&](const std::string &folder) {
        auto has = [&](const StorageHolder &one) { return one.folder == folder; };
        return std::any_of(known.begin(), known.end(), has) || std::any_of(result.begin(), result.end(), has);
    };
    for (size_t i = 0; i < result.size(); ++i) {
        if (found[i]) continue;
        result[i].folder.clear();
        std::string folder = "storage";
        for (int number = 2; taken(folder); ++number) folder = "storage-" + std::to_string(number);
        result[i].folder = folder;
    }
    for (size_t k = 0; k < known.size(); ++k) {
        if (used[k]) continue;
        result.push_back(known[k]);
        result.back().configured = false;
    }
    return result;
}

}  // namespace seed::deploy
