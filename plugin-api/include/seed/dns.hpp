// Bodies of the contract "seed.dns/0".  See docs/contracts/dns.md; JSON member names are the C++ names.
#pragma once
#include <vector>

#include <seed/codec.hpp>

namespace seed::dns {

struct CheckReply {
    bool ok = true;
    std::vector<std::string> servers;   // "ADDRESS:PORT" that answer authoritatively, for people and tests
    std::vector<std::string> remarks;
};
struct ZonesReply {
    std::vector<std::string> zones;     // lower case, with final dot
};
struct EnsureZoneRequest {
    std::string zone;                           // "seed.example."
    std::vector<std::string> name_servers;      // "ns1.seed.example."
};
struct ZoneRequest {
    std::string zone;
};
struct RecordSet {
    std::string name;                   // absolute, lower case, final dot
    std::string type;                   // "AAAA", "TXT"
    uint32_t ttl = 60;                  // seconds
    std::vector<std::string> values;    // presentation form
    std::string owner;                  // our mark, e.g. "seed:PLATFORM"; empty: somebody else's
};
inline bool operator==(const RecordSet &a, const RecordSet &b) {
    return a.name == b.name && a.type == b.type && a.ttl == b.ttl && a.values == b.values && a.owner == b.owner;
}
struct ApplyRequest {
    std::string zone;
    std::string owner;                  // written beside each set; a set with another owner is CONFLICT and nothing is applied
    std::vector<RecordSet> sets;
};
struct Key {
    std::string name, type;
};
struct RemoveRequest {
    std::string zone, owner;
    std::vector<Key> sets;              // those owned by others are left alone and logged
};
struct SettledReply {
    bool settled = true;
};
struct RemoveZoneReply {
    bool removed = false;
    std::string reason;                 // why it was left as it is, a sentence without an end; empty when it was removed
};

SEED_JSON(CheckReply, ok, servers, remarks)
SEED_JSON(ZonesReply, zones)
SEED_JSON(EnsureZoneRequest, zone, name_servers)
SEED_JSON(ZoneRequest, zone)
SEED_JSON(RecordSet, name, type, ttl, values, owner)
SEED_JSON(ApplyRequest, zone, owner, sets)
SEED_JSON(Key, name, type)
SEED_JSON(RemoveRequest, zone, owner, sets)
SEED_JSON(SettledReply, settled)
SEED_JSON(RemoveZoneReply, removed, reason)

SEED_REQUIRED(EnsureZoneRequest, "zone", "name_servers")
SEED_REQUIRED(ZoneRequest, "zone")
SEED_REQUIRED(ApplyRequest, "zone", "owner", "sets")
SEED_REQUIRED(RemoveRequest, "zone", "owner", "sets")

}  // namespace seed::dns
