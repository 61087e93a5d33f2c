#include "plugins/dns-rfc2136/provider.h"

#include <unistd.h>

#include <algorithm>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::rfc2136 {

const char *const config_schema = R"({
  "type": "object",
  "additionalProperties": false,
  "required": ["server"],
  "properties": {
    "server": {"type": "string", "minLength": 1, "x-seed-port": 53, "description": "the primary server: ADDRESS or ADDRESS:PORT"},
    "secondaries": {"type": "array", "items": {"type": "string", "x-seed-port": 53}, "description": "servers that must have a change before it counts as settled"},
    "key_name": {"type": "string", "pattern": "^[a-z0-9._-]{0,200}$", "description": "TSIG key; empty: updates are not signed"},
    "algorithm": {"type": "string", "enum": ["hmac-sha256", "hmac-sha384", "hmac-sha512"], "description": "of that key; default hmac-sha256"},
    "secret": {"type": "string", "pattern": "^[A-Za-z0-9+/]+=*$", "x-seed-secret": true, "description": "of that key, base64; better in a file"},
    "secret_file": {"type": "string", "pattern": "^/", "x-seed-path": "read", "description": "a file that holds the secret"}
  }
})";

namespace {

constexpr size_t sets_per_update = 200;   // far below the 64 KiB of a message

std::string checked_name(const std::string &name, const char *what) {
    std::string lower = to_lower(name);
    bool valid = lower.size() > 1 && lower.size() <= 254 && lower.ends_with('.') && lower.find("..") == lower.npos && lower[0] != '.' &&
                 lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.*") == lower.npos;
    if (!valid) throw Failure(Code::invalid, std::string(what) + " '" + printable(name, 260) + "' is no absolute domain name: end it with a dot");
    return lower;
}

SetKey checked_key(const std::string &zone, const std::string &name, const std::string &type) {
    std::string lower = checked_name(name, "name");
    if (lower != zone && !lower.ends_with("." + zone)) throw Failure(Code::invalid, "'" + lower + "' does not lie in " + zone);
    bool typed = !type.empty() && type.size() <= 10 && type[0] >= 'A' && type[0] <= 'Z' &&
                 type.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == type.npos;
    if (!typed) throw Failure(Code::invalid, "'" + printable(type, 20) + "' is no record type: write it like AAAA");
    for (const char *reserved : {"SOA", "RRSIG", "NSEC", "DNSKEY", "ANY", "AXFR", "TSIG"})
        if (type == reserved) throw Failure(Code::invalid, std::string(type) + " records belong to the server");
    return {lower, type};
}

// One line of nsupdate's script: nothing in it may begin another.
void check_value(const SetKey &key, const std::string &value) {
    bool printable_ascii = !value.empty() && value.size() <= 4096 && std::all_of(value.begin(), value.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
    if (!printable_ascii || trim(value).empty())
        throw Failure(Code::invalid, key.first + " " + key.second + ": '" + printable(value, 100) + "' is no value in presentation form");
}

std::string secret_of(const json &config) {
    std::string secret = config.value("secret", ""), file = config.value("secret_file", "");
    if (secret.empty() && !file.empty()) secret = std::string(trim(read_file(file, 4096)));
    bool base64 = secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == secret.npos;
    if (!base64) throw Failure(Code::invalid, "dns-rfc2136: the secret is not base64");
    if (config.value("key_name", "").empty() != secret.empty())
        throw Failure(Code::invalid, "dns-rfc2136: key_name and secret_file go together: give both, or none for unsigned updates");
    return secret;
}

std::vector<std::string> prerequisites(const SetKey &key, const dns::RecordSet *there) {
    std::string what = key.first + " " + key.second;
    if (!there) return {"prereq nxrrset " + what};
    std::vector<std::string> lines;
    for (const auto &value : there->values) lines.push_back("prereq yxrrset " + what + " " + value);
    return lines;
}

}  // namespace

DynamicUpdate::DynamicUpdate(const plugin::Host &host, const json &config)
    : host_(host),
      server_(parse_server(config.value("server", ""))),
      tools_(host.state_directory(), config.value("key_name", ""), config.value("algorithm", "hmac-sha256"), secret_of(config)),
      ownership_(host.state_directory() + "/owners.json") {
    for (const json &text : config.value("secondaries", json::array())) secondaries_.push_back(parse_server(text.get<std::string>()));
}

dns::CheckReply DynamicUpdate::check(plugin::Call &call) {
    dns::CheckReply reply;
    reply.servers = {server_.to_string()};
    for (const char *program : {"/usr/bin/dig", "/usr/bin/nsupdate"}) {
        if (access(program, X_OK) == 0) continue;
        reply.ok = false;
        reply.remarks.push_back(std::string(program) + " is missing: install bind9-dnsutils");
    }
    if (reply.ok) tools_.serial(call, server_, ".");   // any answer will do
    return reply;
}

dns::ZonesReply DynamicUpdate::zones(plugin::Call &) {
    auto names = ownership_.zones();
    return {{names.begin(), names.end()}};
}

std::string DynamicUpdate::served(plugin::Call &call, const std::string &zone) const {
    std::string name = checked_name(zone, "zone");
    if (!tools_.serial(call, server_, name)) throw Failure(Code::not_found, server_.to_string() + " does not serve " + name);
    return name;
}

void DynamicUpdate::ensure_zone(plugin::Call &call, const dns::EnsureZoneRequest &request) {
    std::string zone = checked_name(request.zone, "zone");
    if (!tools_.serial(call, server_, zone)) {
        throw Failure(Code::not_found, server_.to_string() + " does not serve " + zone +
                                           ", and dynamic update cannot make zones: make it there and allow updates and transfers for our key");
    }
    ownership_.note_zone(zone);
}

dns::RemoveZoneReply DynamicUpdate::remove_zone(plugin::Call &call, const dns::ZoneRequest &request) {
    std::string zone = checked_name(request.zone, "zone");
    call.check();
    return {false, "dynamic update cannot remove zones: " + zone + " is removed by hand at " + server_.to_string()};
}

std::map<SetKey, dns::RecordSet> DynamicUpdate::existing(plugin::Call &call, const std::string &zone) const {
    std::map<SetKey, dns::RecordSet> sets;
    for (auto &set : tools_.transfer(call, server_, zone)) {
        SetKey key{set.name, set.type};
        set.owner = ownership_.owner(zone, key);
        sets.emplace(key, std::move(set));
    }
    return sets;
}

void DynamicUpdate::list(plugin::Call &call, const dns::ZoneRequest &request) {
    for (const auto &[key, set] : existing(call, served(call, request.zone))) call.item(set);
}

void DynamicUpdate::apply(plugin::Call &call, const dns::ApplyRequest &request) {
    if (request.owner.empty()) throw Failure(Code::invalid, "owner is empty: whose records are these?");
    std::string zone = checked_name(request.zone, "zone");
    std::map<SetKey, dns::RecordSet> wanted;
    for (const auto &set : request.sets) {
        SetKey key = checked_key(zone, set.name, set.type);
        if (set.values.empty()) throw Failure(Code::invalid, key.first + " " + key.second + " has no values: use remove to make it absent");
        for (const auto &value : set.values) check_value(key, value);
        if (!wanted.emplace(key, set).second) throw Failure(Code::invalid, key.first + " " + key.second + " is asked for twice");
    }
    auto there = existing(call, served(call, zone));
    std::vector<std::pair<SetKey, const dns::RecordSet *>> changes;
    for (const auto &[key, set] : wanted) {
        auto found = there.find(key);
        if (found != there.end() && found->second.owner != request.owner)
            throw Failure(Code::conflict, key.first + " " + key.second + " exists and belongs to " +
                                              (found->second.owner.empty() ? "somebody else" : printable(found->second.owner, 80)) +
                                              ", so nothing was changed: remove it by hand, or use another name");
        auto values = set.values;
        std::sort(values.begin(), values.end());
        bool same = found != there.end() && found->second.values == values && found->second.ttl == set.ttl;
        if (!same) changes.emplace_back(key, &set);
    }
    for (size_t first = 0; first < changes.size(); first += sets_per_update) {
        std::set<SetKey> keys;
        std::vector<std::string> conditions, lines;
        for (size_t i = first; i < std::min(changes.size(), first + sets_per_update); ++i) {
            const auto &[key, set] = changes[i];
            auto found = there.find(key);
            for (auto &line : prerequisites(key, found == there.end() ? nullptr : &found->second)) conditions.push_back(std::move(line));
            lines.push_back("update delete " + key.first + " " + key.second);
            for (const auto &value : set->values) lines.push_back("update add " + key.first + " " + std::to_string(set->ttl) + " " + key.second + " " + value);
            keys.insert(key);
        }
        ownership_.note(zone, keys, request.owner);
        conditions.insert(conditions.end(), lines.begin(), lines.end());
        if (!tools_.update(call, server_, zone, conditions))
            throw Failure(Code::unavailable, zone + " was changed by somebody else meanwhile: try again");
    }
}

void DynamicUpdate::remove(plugin::Call &call, const dns::RemoveRequest &request) {
    if (request.owner.empty()) throw Failure(Code::invalid, "owner is empty: whose records are these?");
    std::string zone = checked_name(request.zone, "zone");
    std::set<SetKey> keys;
    for (const auto &set : request.sets) keys.insert(checked_key(zone, set.name, set.type));
    auto there = existing(call, served(call, zone));
    std::vector<std::string> lines;
    std::set<SetKey> gone;
    for (const auto &key : keys) {
        std::string owner = ownership_.owner(zone, key);
        auto found = there.find(key);
        if (owner != request.owner) {
            if (found != there.end()) host_.log(SEED_WARN, "ignoring " + key.first + " " + key.second + ": it belongs to somebody else");
            continue;
        }
        gone.insert(key);
        if (found != there.end()) lines.push_back("update delete " + key.first + " " + key.second);
    }
    for (size_t first = 0; first < lines.size(); first += sets_per_update) {
        std::vector<std::string> part(lines.begin() + static_cast<ptrdiff_t>(first),
                                      lines.begin() + static_cast<ptrdiff_t>(std::min(lines.size(), first + sets_per_update)));
        tools_.update(call, server_, zone, part);
    }
    if (!gone.empty()) ownership_.forget(zone, gone);
}

dns::SettledReply DynamicUpdate::settled(plugin::Call &call, const dns::ZoneRequest &request) {
    std::string zone = checked_name(request.zone, "zone");
    auto primary = tools_.serial(call, server_, zone);
    if (!primary) throw Failure(Code::not_found, server_.to_string() + " does not serve " + zone);
    for (const auto &secondary : secondaries_) {
        auto serial = tools_.serial(call, secondary, zone);
        // RFC 1982: a serial is newer when the difference, modulo 2^32, is below 2^31.
        if (!serial || static_cast<int32_t>(*serial - *primary) < 0) return {false};
    }
    return {true};
}

}  // namespace seed::rfc2136
