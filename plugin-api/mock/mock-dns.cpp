// mock-dns: zones and record sets as entries of the state.  Configuration: "zones", "foreign" (record sets of somebody else),
// "settle_calls" (how often `settled` says no after a change).
#include <seed/plugin_entry.hpp>

#include <seed/util/text.h>

#include "mock.hpp"

namespace seed::mock {

using namespace dns;

class MockDns final : public plugin::DnsProvider {
public:
    MockDns(const plugin::Host &host, const json &config) : mock_(host, config) {
        mock_.change([&](json &state) {
            for (const json &zone : config.value("zones", json::array())) state["zones"][zone.get<std::string>()];
            for (const json &set : config.value("foreign", json::array())) {
                auto foreign = set.at("set").get<RecordSet>();
                state["zones"][set.at("zone").get<std::string>()][key(foreign.name, foreign.type)] = foreign;
            }
        });
    }

    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {.ok = true, .servers = {}, .remarks = {"mock: nobody answers questions about these records"}};
    }
    ZonesReply zones(plugin::Call &call) override {
        mock_.enter(call, "zones");
        ZonesReply reply;
        json state = mock_.state();
        for (const auto &[name, sets] : state["zones"].items()) reply.zones.push_back(name);
        return reply;
    }
    void ensure_zone(plugin::Call &call, const EnsureZoneRequest &request) override {
        mock_.enter(call, "ensure_zone", request);
        if (!request.zone.ends_with(".")) throw Failure(Code::invalid, "zone '" + request.zone + "' has no final dot");
        mock_.change([&](json &state) {
            if (!state["zones"].contains(request.zone)) state["made"][request.zone] = true;
            state["zones"][request.zone];
        });
    }
    void list(plugin::Call &call, const ZoneRequest &request) override {
        mock_.enter(call, "list", request);
        json state = mock_.state();
        for (const auto &[name, set] : zone(state, request.zone).items()) {
            call.check();
            call.item(set.get<RecordSet>());
        }
    }
    void apply(plugin::Call &call, const ApplyRequest &request) override {
        mock_.enter(call, "apply", request);
        if (request.owner.empty()) throw Failure(Code::invalid, "owner is empty: whose records are these?");
        for (const RecordSet &set : request.sets) require_set(request.zone, set);
        mock_.change([&](json &state) {
            json &sets = zone(state, request.zone);
            for (const RecordSet &set : request.sets) {
                auto found = sets.find(key(set.name, set.type));
                if (found == sets.end()) continue;
                std::string owner = found->value("owner", "");
                if (owner != request.owner) {
                    throw Failure(Code::conflict, "record " + set.name + " " + set.type + " belongs to " +
                                                      (owner.empty() ? "somebody else" : owner) + ": remove it there first");
                }
            }
            for (RecordSet set : request.sets) {
                set.owner = request.owner;
                sets[key(set.name, set.type)] = set;
            }
            state["unsettled"][request.zone] = mock_.config().value("settle_calls", 0);
        });
    }
    void remove(plugin::Call &call, const RemoveRequest &request) override {
        mock_.enter(call, "remove", request);
        mock_.change([&](json &state) {
            json &sets = zone(state, request.zone);
            for (const Key &wanted : request.sets) {
                auto found = sets.find(key(wanted.name, wanted.type));
                if (found == sets.end()) continue;
                if (found->value("owner", "") != request.owner) {
                    mock_.host().log(SEED_WARN, "left alone: " + wanted.name + " " + wanted.type + " belongs to somebody else");
                } else {
                    sets.erase(found);
                }
            }
            state["unsettled"][request.zone] = mock_.config().value("settle_calls", 0);
        });
    }
    SettledReply settled(plugin::Call &call, const ZoneRequest &request) override {
        mock_.enter(call, "settled", request);
        SettledReply reply;
        mock_.change([&](json &state) {
            zone(state, request.zone);
            json &left = state["unsettled"][request.zone];
            int count = left.is_number() ? left.get<int>() : 0;
            reply.settled = count <= 0;
            left = std::max(0, count - 1);
        });
        return reply;
    }
    RemoveZoneReply remove_zone(plugin::Call &call, const ZoneRequest &request) override {
        mock_.enter(call, "remove_zone", request);
        RemoveZoneReply reply;
        mock_.change([&](json &state) {
            if (!state["zones"].contains(request.zone)) reply.reason = "there is no zone " + request.zone;
            else if (!state["made"].contains(request.zone)) reply.reason = "it was there before";
            else if (!state["zones"][request.zone].empty()) reply.reason = "it has records";
            else reply.removed = state["zones"].erase(request.zone) + state["made"].erase(request.zone) > 0;
        });
        return reply;
    }

private:
    static void require_set(const std::string &zone, const RecordSet &set) {
        auto refuse = [&](const std::string &reason) {
            throw Failure(Code::invalid, "'" + printable(set.name, 260) + "' " + printable(set.type, 20) + " " + reason);
        };
        if (set.name != zone && !set.name.ends_with("." + zone)) refuse("does not lie in " + printable(zone, 260));
        bool typed = !set.type.empty() && set.type[0] >= 'A' && set.type[0] <= 'Z' &&
                     set.type.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == std::string::npos;
        if (!typed) refuse("has no type such as AAAA");
        if (set.values.empty()) refuse("has no values: use remove to make it absent");
    }
    static std::string key(const std::string &name, const std::string &type) { return name + " " + type; }
    static json &zone(json &state, const std::string &name) {
        json &zones = state["zones"];
        if (!zones.contains(name)) throw Failure(Code::not_found, "zone " + name + " is not served here");
        json &sets = zones[name];
        if (sets.is_null()) sets = json::object();
        return sets;
    }

    Mock mock_;
};

SEED_DNS_PLUGIN(MockDns, "mock-dns", SEED_VERSION, "a DNS provider that remembers",
                MOCK_SCHEMA(R"(,"zones":{"type":"array","items":{"type":"string"},"description":"are there from the start"},)"
                            R"("foreign":{"type":"array","description":"record sets of somebody else"},)"
                            R"("settle_calls":{"type":"integer","minimum":0,"description":"how often settled says no after a change"})"), true)

}  // namespace seed::mock
