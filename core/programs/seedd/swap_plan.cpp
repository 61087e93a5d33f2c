// `plan --providers`: what the configuration file, as it is now, would move at the next start.  Looks only.
#include "platform.h"

#include <seed/storage.hpp>

#include "core/deploy/storage_holders.h"
#include "core/names/move.h"

namespace seed::program {

namespace {

std::string amount(size_t count, const std::string &one) { return std::to_string(count) + " " + one + (count == 1 ? "" : "s"); }

void plan_line(json &plan, const std::string &line) { plan["lines"].push_back(line); }

}  // namespace

Task<json> Platform::plan_providers(const Call &call) {
    if (config_file_.empty()) throw Failure(Code::unsupported, "this platform runs without a configuration file: there is nothing that could have changed");
    config::Settings next = config::load(config_file_);
    json plan = {{"changes", false}, {"moves", json::array()}, {"lines", json::array()}};
    plan_line(plan, "plan for " + config_file_ + ", compared with what runs:");

    std::string dns_now = settings_.providers.at("dns").front().plugin, dns_next = next.providers.at("dns").front().plugin;
    if (dns_now != dns_next) {
        std::map<std::string, std::string> zones = own_zones_->all();
        zones[settings_.platform.domain + "."] = "";
        for (const auto &[zone, ns] : zones) {
            size_t count = 0;
            std::exception_ptr trouble;
            try {
                auto sets = co_await names::list_ours(call, providers_["dns"], zone, "seed:" + id_);
                count = sets.size();
            } catch (const Failure &failure) {
                if (failure.code() != Code::not_found) trouble = std::make_exception_ptr(failure.within("while counting the records of " + zone));
            }
            if (trouble) std::rethrow_exception(trouble);
            plan["moves"].push_back({{"kind", "dns"}, {"from", dns_now}, {"to", dns_next}, {"zone", zone}, {"record_sets", count}});
            plan_line(plan, "  - " + amount(count, "record set") + " of " + zone + ": created at " + dns_next + ", verified there, then removed from " + dns_now);
        }
    } else if (settings_.providers.at("dns").front().config != next.providers.at("dns").front().config) {
        plan_line(plan, "  - " + dns_now + " gets another configuration; its records do not move, and are written where it leads to");
    }

    json nothing = json::object();
    storage::ListReply volumes = co_await providers_["storage"]->ask<storage::ListReply>(call, "list", nothing);
    std::vector<deploy::StorageHolder> configured;
    for (const auto &one : next.providers.at("storage")) configured.push_back({one.plugin, "", one.config, one.isolation != config::Isolation::inline_});
    auto known = deploy::read_storage_holders(*store_);
    auto holders = deploy::match_storage_holders(configured, known);
    if (!known.empty() && holders.front().folder != known.front().folder) {
        json stay = json::array();
        std::map<std::string, std::string> places;
        for (const auto &volume : volumes.volumes) {
            std::string place = storages_->place_of(volume.volume);
            std::string &list = places[place.empty() ? known.front().plugin : place];
            list += (list.empty() ? "" : ", ") + volume.volume;
            stay.push_back(volume.volume);
        }
        plan["moves"].push_back({{"kind", "storage"}, {"from", known.front().plugin}, {"to", holders.front().plugin}, {"volumes", stay}});
        plan_line(plan, "  - new volumes are made by " + holders.front().plugin + " instead of " + known.front().plugin);
        for (const auto &[place, list] : places) plan_line(plan, "  - stay with " + place + ", where they are mounted and deleted as before: " + list);
    }
    for (const auto &holder : holders)
        if (holder.changed && !holder.volumes.empty())
            plan_line(plan, "  - " + holder.plugin + " gets another configuration; unless it finds its " + amount(holder.volumes.size(), "volume") +
                                " with it, seedd refuses to start");

    for (const char *kind : {"runtime", "git"})
        if (settings_.providers.at(kind).front().plugin != next.providers.at(kind).front().plugin)
            plan_line(plan, std::string("  - ") + kind + ": " + next.providers.at(kind).front().plugin + " instead of " + settings_.providers.at(kind).front().plugin +
                                "; what the one before has is not taken over");
    plan["changes"] = plan["lines"].size() > 1;
    plan_line(plan, plan["changes"].get<bool>() ? "Nothing moves before seedd is started again." : "  nothing would move");
    co_return plan;
}

}  // namespace seed::program
