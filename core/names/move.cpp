#include "core/names/move.h"

#include <algorithm>
#include <set>

#include <seed/codec.hpp>

#include "core/base/log.h"

namespace seed::names {

using providers::json;

namespace {

constexpr const char *holder_setting = "dns holder";
constexpr const char *first_setting = "dns first";
constexpr size_t batch = 500;
using Key = std::pair<std::string, std::string>;

Key key_of(const dns::RecordSet &set) { return {set.name, set.type}; }

}  // namespace

std::optional<Holder> read_holder(const state::Store &store) {
    auto text = store.setting(holder_setting);
    if (!text) return std::nullopt;
    json value = parse_json(*text, holder_setting);
    return Holder{value.value("plugin", ""), value.value("folder", "dns"), value.value("config", json::object()), value.value("in_process", true)};
}

void write_holder(state::Store &store, const Holder &holder) {
    if (!store.setting(first_setting)) store.set_setting(first_setting, holder.plugin);
    json value = {{"plugin", holder.plugin}, {"folder", holder.folder}, {"config", holder.config}, {"in_process", holder.in_process}};
    std::string text = value.dump();
    if (store.setting(holder_setting) != text) store.set_setting(holder_setting, text);
}

std::string folder_of(const state::Store &store, const std::string &plugin) {
    auto first = store.setting(first_setting);
    if (!first || *first == plugin) return "dns";
    return plugin.starts_with("dns-") ? plugin : "dns-" + plugin;
}

Task<std::vector<dns::RecordSet>> list_ours(const Call &call, std::shared_ptr<providers::Provider> provider, std::string zone, std::string owner) {
    std::vector<dns::RecordSet> sets;
    providers::CallOptions options;
    options.stream = true;
    options.on_item = [&sets, &owner](const json &item, std::vector<UniqueFd>) {
        auto set = item.get<dns::RecordSet>();
        if (set.owner == owner) sets.push_back(std::move(set));
    };
    json request = {{"zone", zone}};
    co_await provider->call(call, "list", request, options);
    co_return sets;
}

Task<size_t> move_records(const Call &call, std::shared_ptr<providers::Provider> from, std::shared_ptr<providers::Provider> to,
                          std::string zone, std::string owner) {
    std::vector<dns::RecordSet> there;
    try {
        there = co_await list_ours(call, from, zone, owner);
    } catch (const Failure &failure) {
        if (failure.code() != Code::not_found) throw;   // a zone that was never made there has nothing to move
    }
    for (size_t first = 0; first < there.size(); first += batch) {
        dns::ApplyRequest request;
        request.zone = zone;
        request.owner = owner;
        request.sets.assign(there.begin() + static_cast<ptrdiff_t>(first), there.begin() + static_cast<ptrdiff_t>(std::min(there.size(), first + batch)));
        json body = request;
        co_await to->call(call, "apply", body);
    }

    // Verified: read back, all of them, and settled.
    std::set<Key> arrived;
    std::vector<dns::RecordSet> here = co_await list_ours(call, to, zone, owner);
    for (const auto &set : here) arrived.insert(key_of(set));
    for (const auto &set : there) {
        if (!arrived.contains(key_of(set)))
            throw Failure(Code::unavailable, to->settings().plugin + " took " + set.name + " " + set.type + " and does not have it: nothing was removed from " + from->settings().plugin);
    }
    json request = {{"zone", zone}};
    for (;;) {
        json reply = co_await to->call(call, "settled", request);
        if (reply.value("settled", false)) break;
        co_await sleep_for(std::chrono::milliseconds(200));
        call.check();
    }

    for (size_t first = 0; first < there.size(); first += batch) {
        dns::RemoveRequest removal;
        removal.zone = zone;
        removal.owner = owner;
        for (size_t i = first; i < std::min(there.size(), first + batch); ++i) removal.sets.push_back({there[i].name, there[i].type});
        json body = removal;
        co_await from->call(call, "remove", body);
    }
    co_return there.size();
}

}  // namespace seed::names
