// The DNS provider that the platform had before: its records move away at the start, or the operator gives them up.
#include "platform.h"

#include <seed/dns.hpp>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/names/give_up_zone.h"
#include "core/names/move.h"

namespace seed::program {

namespace fs = std::filesystem;

// The hoster named another DNS provider: what the old one holds moves.  When it cannot be asked, the platform starts all the same (the
// new one is written anyway), and the next start tries again.
Task<void> Platform::take_over_records(const Call &call, std::string zone) {
    const auto &chosen = settings_.providers.at("dns").front();
    bool in_process = chosen.isolation != config::Isolation::inline_;
    names::Holder now{chosen.plugin, names::folder_of(*store_, chosen.plugin), chosen.config, in_process};
    auto before = names::read_holder(*store_);
    if (before && before->plugin != now.plugin) {
        std::string trouble;
        size_t count = 0;
        std::shared_ptr<providers::Provider> old;
        try {
            old = co_await open_in(call, "dns", before->plugin, before->config, !before->in_process, before->folder);
        } catch (const std::exception &error) {
            trouble = error.what();
        }
        std::map<std::string, std::string> zones = own_zones_->all();
        zones[zone] = "";
        for (const auto &[moving, ns] : zones) {   // one that cannot move keeps no other one
            if (!old) break;
            try {
                dns::EnsureZoneRequest ensure;
                ensure.zone = moving;
                ensure.name_servers.push_back("ns1." + zone);
                co_await providers_["dns"]->call(call, "ensure_zone", ensure);
                count += co_await names::move_records(call, old, providers_["dns"], moving, "seed:" + id_);
                if (moving != zone) co_await names::give_up_zone(call, old, moving);
            } catch (const std::exception &error) {
                trouble += (trouble.empty() ? "" : "; ") + std::string(error.what());
            }
        }
        if (old) old->shut_down();
        if (count > 0 || trouble.empty()) log_info("seedd", std::to_string(count) + " record sets moved from " + before->plugin + " to " + now.plugin);
        if (!trouble.empty()) {
            log_error("seedd", "records stay at " + before->plugin + " too, because they could not be moved: " + trouble + "; the next start tries again, and when it is gone for good: seed plugin forget " + before->plugin);
            co_return;
        }
    }
    names::write_holder(*store_, now);
}

json Platform::forget_former(const std::string &plugin, const std::string &confirm) {
    const auto &chosen = settings_.providers.at("dns").front();
    auto former = names::read_holder(*store_);
    if (plugin == chosen.plugin || plugin == "dns")
        throw Failure(Code::conflict, chosen.plugin + " is the DNS provider in use: name another one under providers.dns and start seedd again, then it can be forgotten");
    if (auto storages = settings_.providers.find("storage"); storages != settings_.providers.end())
        for (const auto &one : storages->second)
            if (one.plugin == plugin || plugin == "storage")
                throw Failure(Code::conflict, one.plugin + " has volumes and is not forgotten: it goes by itself when the last of them is deleted");
    if (!former || former->plugin != plugin || former->plugin == chosen.plugin)
        throw Failure(Code::not_found, "there is no former DNS provider " + printable(plugin, 64) + " that is still asked: nothing is to be forgotten");
    json zones = json::array({settings_.platform.domain + "."});
    for (const auto &[zone, ns] : own_zones_->all()) zones.push_back(zone);
    std::string folder = (fs::path(settings_.platform.state) / former->folder).string();
    if (confirm != plugin)
        throw Failure(Code::invalid, "whatever " + plugin + " still has of " + std::to_string(zones.size()) + (zones.size() == 1 ? " zone" : " zones") +
                                         " would stay there for ever, and its server would go on answering; nothing was changed; if you mean it, add: --yes " + plugin);
    names::write_holder(*store_, {chosen.plugin, names::folder_of(*store_, chosen.plugin), chosen.config, chosen.isolation != config::Isolation::inline_});
    log_info("seedd", "the former DNS provider " + plugin + " was forgotten, as was asked; " + folder + " stays");
    return {{"plugin", plugin}, {"in_use", chosen.plugin}, {"zones", zones}, {"folder", folder}};
}

}  // namespace seed::program
