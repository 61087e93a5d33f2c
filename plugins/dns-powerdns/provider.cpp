#include "plugins/dns-powerdns/provider.h"

#include <algorithm>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::powerdns {
namespace {

constexpr size_t most_sets_per_patch = 5000;  // far below the 2 MB at which the server resets the connection
constexpr size_t few = 3;                     // so many sets are read one by one instead of the whole zone

Waiting waiting_of(const plugin::Call &call) {
    return {std::chrono::duration_cast<std::chrono::milliseconds>(call.remaining()), [&call] { return call.cancelled(); }};
}

std::string checked_zone(const std::string &zone) {
    if (zone.size() < 2 || !zone.ends_with('.') || zone.size() > 254)
        throw Failure(Code::invalid, "zone \"" + printable(zone, 80) + "\" must end with a dot, like \"seed.example.\"");
    return to_lower(zone);
}

void require_owner(const std::string &owner) {
    if (owner.empty()) throw Failure(Code::invalid, "owner is empty: records without a mark are never changed");
}

}  // namespace

PowerDns::PowerDns(const plugin::Host &host, const json &config) : host_(host), settings_(read_settings(config)) {
    if (settings_.managed) {
        auto log = [this](const std::string &text) { host_.log(SEED_INFO, text); };
        server_ = std::make_unique<ManagedServer>(host.state_directory() + "/server", settings_, log);
        client_ = std::make_unique<PowerDnsClient>(
            [this] {
                server_->ensure_running();
                return server_->url();
            },
            server_->api_key(), nullptr);
    } else {
        client_ = std::make_unique<PowerDnsClient>([this] { return settings_.url; }, settings_.api_key, nullptr);
    }
}

dns::CheckReply PowerDns::check(plugin::Call &call) {
    client_->ping(waiting_of(call));
    dns::CheckReply reply;
    reply.servers = settings_.servers;
    if (server_) reply.servers = {server_->dns_address()};
    return reply;
}

dns::ZonesReply PowerDns::zones(plugin::Call &call) {
    return {client_->zones(waiting_of(call))};
}

void PowerDns::ensure_zone(plugin::Call &call, const dns::EnsureZoneRequest &request) {
    std::string zone = checked_zone(request.zone);
    if (client_->has_zone(zone, waiting_of(call))) return;
    std::vector<std::string> name_servers = request.name_servers;
    if (name_servers.empty()) name_servers = {"ns1." + zone};
    json glue = json::array();  // name servers within the zone need an address; ours is where we listen
    if (server_)
        for (const auto &name : name_servers)
            if (name.ends_with("." + zone)) {
                bool v6 = settings_.listen.find(':') != std::string::npos;
                json record = {{"content", settings_.listen}, {"disabled", false}};
                glue.push_back(
                    {{"name", to_lower(name)}, {"type", v6 ? "AAAA" : "A"}, {"ttl", 3600}, {"records", json::array({record})}});
            }
    client_->make_zone(zone, name_servers, glue, waiting_of(call));
}

dns::RemoveZoneReply PowerDns::remove_zone(plugin::Call &call, const dns::ZoneRequest &request) {
    auto why_not = client_->remove_zone(checked_zone(request.zone), waiting_of(call));
    return {!why_not, why_not.value_or("")};
}

void PowerDns::list(plugin::Call &call, const dns::ZoneRequest &request) {
    for (const auto &set : client_->sets(checked_zone(request.zone), waiting_of(call))) call.item(set);
}

std::map<SetKey, dns::RecordSet> PowerDns::existing(const std::string &zone, const std::vector<SetKey> &keys,
                                                    const Waiting &waiting) const {
    std::vector<dns::RecordSet> read;
    if (keys.size() <= few) {
        for (const auto &key : keys)
            for (auto &set : client_->set(zone, key, waiting)) read.push_back(std::move(set));
    } else {
        read = client_->sets(zone, waiting);
    }
    std::map<SetKey, dns::RecordSet> found;
    for (auto &set : read) {
        SetKey key = key_of(set.name, set.type);
        if (std::find(keys.begin(), keys.end(), key) != keys.end() || keys.size() > few)
            found.insert_or_assign(key, canonical(std::move(set)));
    }
    return found;
}

void PowerDns::send(const std::string &zone, const std::vector<json> &changes, plugin::Call &call) const {
    for (size_t first = 0; first < changes.size(); first += most_sets_per_patch) {
        json rrsets = json::array();
        for (size_t i = first; i < std::min(changes.size(), first + most_sets_per_patch); ++i) rrsets.push_back(changes[i]);
        client_->patch(zone, rrsets, waiting_of(call));
    }
}

void PowerDns::apply(plugin::Call &call, const dns::ApplyRequest &request) {
    std::string zone = checked_zone(request.zone);
    require_owner(request.owner);
    std::map<SetKey, dns::RecordSet> wanted;
    std::vector<SetKey> keys;
    for (const auto &set : request.sets) {
        SetKey key = key_of(set.name, set.type);
        if (set.values.empty())
            throw Failure(Code::invalid, set.name + " " + set.type + " has no values: use remove to make it absent");
        dns::RecordSet ours = canonical(set);
        ours.owner = request.owner;
        if (!wanted.emplace(key, std::move(ours)).second)
            throw Failure(Code::invalid, set.name + " " + set.type + " is asked for twice");
        keys.push_back(key);
    }
    std::map<SetKey, dns::RecordSet> there = existing(zone, keys, waiting_of(call));
    std::vector<json> changes;
    for (const auto &[key, set] : wanted) {
        auto found = there.find(key);
        if (found != there.end()) {
            if (found->second.owner != request.owner)
                throw Failure(Code::conflict,
                              key.first + " " + key.second + " exists and belongs to " +
                                  (found->second.owner.empty() ? "somebody else" : printable(found->second.owner, 80)) +
                                  ", so nothing was changed: remove it by hand, or use another name");
            if (found->second == set) continue;
        }
        changes.push_back(replacement(set));
    }
    send(zone, changes, call);
}

void PowerDns::remove(plugin::Call &call, const dns::RemoveRequest &request) {
    std::string zone = checked_zone(request.zone);
    require_owner(request.owner);
    std::vector<SetKey> keys;
    for (const auto &set : request.sets) keys.push_back(key_of(set.name, set.type));
    std::map<SetKey, dns::RecordSet> there = existing(zone, keys, waiting_of(call));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    std::vector<json> changes;
    for (const auto &key : keys) {
        auto found = there.find(key);
        if (found == there.end()) continue;
        if (found->second.owner == request.owner)
            changes.push_back(deletion(key));
        else
            host_.log(SEED_WARN, "ignoring " + printable(key.first, 260) + " " + printable(key.second, 20) +
                                     ": it belongs to somebody else");
    }
    send(zone, changes, call);
}

// One server, asked directly: what the API has accepted is answered at once (its caches are off).
dns::SettledReply PowerDns::settled(plugin::Call &call, const dns::ZoneRequest &request) {
    std::string zone = checked_zone(request.zone);
    if (!client_->has_zone(zone, waiting_of(call))) throw Failure(Code::not_found, "there is no zone " + printable(zone, 260));
    return {};
}

}  // namespace seed::powerdns
