// The storage providers: those of the configuration, and those of former ones that still have volumes.
#include "platform.h"

#include <algorithm>

#include <seed/storage.hpp>

#include "core/base/log.h"
#include "core/deploy/storage_holders.h"

namespace seed::program {

namespace {

std::string named(const std::set<std::string> &volumes) {
    std::string text;
    size_t count = 0;
    for (const auto &volume : volumes) {
        if (++count > 5) return text + " and " + std::to_string(volumes.size() - 5) + " more";
        text += (text.empty() ? "" : ", ") + volume;
    }
    return text;
}

}  // namespace

// Nothing is written before all of them could be asked: a start that fails leaves what was remembered.
Task<void> Platform::open_storage(const Call &call) {
    std::vector<deploy::StorageHolder> configured;
    auto chosen = settings_.providers.find("storage");
    if (chosen == settings_.providers.end() || chosen->second.empty())
        throw Failure(Code::invalid, "no provider of kind storage is configured; add providers.storage");
    for (const auto &one : chosen->second) configured.push_back({one.plugin, "", one.config, one.isolation != config::Isolation::inline_});
    auto known = deploy::read_storage_holders(*store_);
    auto holders = deploy::match_storage_holders(configured, known);

    std::vector<std::shared_ptr<providers::Provider>> opened;
    std::vector<deploy::StorageHolder> kept;
    for (auto &holder : holders) {
        std::shared_ptr<providers::Provider> provider;
        storage::ListReply list;
        json nothing = json::object();
        std::exception_ptr trouble;
        try {
            provider = co_await open_in(call, "storage", holder.plugin, holder.config, !holder.in_process, holder.folder);
            list = co_await provider->ask<storage::ListReply>(call, "list", nothing);
        } catch (const Failure &failure) {
            std::string remedy = holder.configured ? "" : "; the volumes " + named(holder.volumes) +
                                                              " are with it: name it in providers.storage, behind the one that makes new volumes, with a configuration that works";
            trouble = std::make_exception_ptr(Failure(failure.code(), failure.what() + remedy));
        }
        if (provider) providers_["storage"] = provider;   // shut down with the others when this start fails
        if (trouble) std::rethrow_exception(trouble);
        std::set<std::string> there;
        for (const auto &volume : list.volumes) there.insert(volume.volume);
        std::set<std::string> lost;
        if (holder.changed)
            std::set_difference(holder.volumes.begin(), holder.volumes.end(), there.begin(), there.end(), std::inserter(lost, lost.end()));
        if (!lost.empty()) {
            throw Failure(Code::conflict, "with its changed configuration " + holder.plugin + " no longer has the volumes " + named(lost) +
                                              ", which it had at the last start: to make new volumes elsewhere and keep these, name both configurations in "
                                              "providers.storage, the one for new volumes first");
        }
        if (!holder.configured && there.empty()) {
            log_info("seedd", "storage provider " + holder.plugin + " has no volumes any more and is not configured: it is forgotten");
            provider->shut_down();
            continue;
        }
        if (!opened.empty())
            log_info("seedd", "storage: " + std::to_string(there.size()) + " volumes stay with " + holder.plugin + " (" + holder.folder + "); new ones are made by " +
                                  opened.front()->settings().plugin);
        holder.volumes = std::move(there);
        opened.push_back(provider);
        kept.push_back(holder);
    }
    deploy::write_storage_holders(*store_, kept);
    for (size_t i = 1; i < opened.size(); ++i) providers_["storage-" + std::to_string(i + 1)] = opened[i];   // for those who look
    storages_ = std::make_shared<providers::Storages>(opened);
    providers_["storage"] = storages_;
}

}  // namespace seed::program
