#include "core/providers/storages.h"

#include <set>

#include <seed/util/failure.h>

namespace seed::providers {

Storages::Storages(std::vector<std::shared_ptr<Provider>> those) : those_(std::move(those)) {}

Task<json> Storages::call(const Call &call, std::string slot, json request, CallOptions options) {
    if (those_.size() == 1) co_return co_await those_.front()->call(call, std::move(slot), std::move(request), std::move(options));
    if (slot == "list") co_return co_await list(call);
    if (slot == "check") co_return co_await check(call, std::move(request));
    std::string volume = request.is_object() && request.contains("volume") && request["volume"].is_string() ? request["volume"].get<std::string>() : "";
    if (!known_) co_await list(call);
    auto found = elsewhere_.find(volume);
    auto holder = found == elsewhere_.end() ? those_.front() : those_[found->second];
    std::string operation = slot;
    json reply = co_await holder->call(call, std::move(operation), std::move(request), std::move(options));
    if (slot == "remove") elsewhere_.erase(volume);
    co_return reply;
}

Task<json> Storages::list(const Call &call) {
    std::map<std::string, size_t> elsewhere;
    std::set<std::string> seen;
    json all = json::array();
    auto those = those_;
    for (size_t i = 0; i < those.size(); ++i) {
        json nothing = json::object(), reply;
        std::exception_ptr trouble;
        try {
            reply = co_await those[i]->call(call, "list", nothing);
        } catch (const Failure &failure) {
            trouble = std::make_exception_ptr(failure.within("while asking all storage providers for their volumes"));
        }
        if (trouble) std::rethrow_exception(trouble);
        json volumes = reply.value("volumes", json::array());
        for (json &volume : volumes) {
            std::string name = volume.value("volume", "");
            if (!seen.insert(name).second) continue;
            if (i > 0) elsewhere[name] = i;
            all.push_back(std::move(volume));
        }
    }
    elsewhere_ = std::move(elsewhere);
    known_ = true;
    json merged = json::object();
    merged["volumes"] = std::move(all);
    co_return merged;
}

Task<json> Storages::check(const Call &call, json request) {
    json merged;
    auto those = those_;
    for (const auto &one : those) {
        json same = request;
        json reply = co_await one->call(call, "check", std::move(same));
        if (merged.is_null()) {
            merged = std::move(reply);
            if (!merged.contains("remarks")) merged["remarks"] = json::array();
            continue;
        }
        merged["ok"] = merged.value("ok", true) && reply.value("ok", true);
        json remarks = reply.value("remarks", json::array());
        for (json &remark : remarks) merged["remarks"].push_back(one->settings().plugin + ": " + (remark.is_string() ? remark.get<std::string>() : remark.dump()));
    }
    co_return merged;
}

void Storages::shut_down() {
    for (auto &one : those_) one->shut_down();
}

std::string Storages::place_of(const std::string &volume) const {
    if (those_.size() == 1) return {};
    auto found = elsewhere_.find(volume);
    size_t index = found == elsewhere_.end() ? 0 : found->second;
    std::string name = those_[index]->settings().plugin;
    // Two of the same plugin are told apart by their folders.
    size_t same = 0;
    for (const auto &one : those_) same += one->settings().plugin == name;
    if (same < 2) return name;
    std::string folder = those_[index]->settings().state_directory;
    return name + " (" + those_[index]->settings().config.value("path", folder) + ")";
}

}  // namespace seed::providers
