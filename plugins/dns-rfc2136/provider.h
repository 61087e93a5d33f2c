// The contract seed.dns/0 by dynamic update.  Zones are made at the server by its administrator; we write records in them.
#pragma once
#include <map>

#include <seed/plugin.hpp>

#include "plugins/dns-rfc2136/dns_tools.h"
#include "plugins/dns-rfc2136/ownership.h"

namespace seed::rfc2136 {

extern const char *const config_schema;

class DynamicUpdate final : public plugin::DnsProvider {
public:
    DynamicUpdate(const plugin::Host &host, const json &config);
    dns::CheckReply check(plugin::Call &call) override;
    dns::ZonesReply zones(plugin::Call &call) override;
    void ensure_zone(plugin::Call &call, const dns::EnsureZoneRequest &request) override;
    dns::RemoveZoneReply remove_zone(plugin::Call &call, const dns::ZoneRequest &request) override;
    void list(plugin::Call &call, const dns::ZoneRequest &request) override;
    void apply(plugin::Call &call, const dns::ApplyRequest &request) override;
    void remove(plugin::Call &call, const dns::RemoveRequest &request) override;
    dns::SettledReply settled(plugin::Call &call, const dns::ZoneRequest &request) override;

private:
    std::string served(plugin::Call &call, const std::string &zone) const;   // checked; Failure(not_found) unless it is there
    std::map<SetKey, dns::RecordSet> existing(plugin::Call &call, const std::string &zone) const;

    const plugin::Host &host_;
    Server server_;
    std::vector<Server> secondaries_;
    DnsTools tools_;
    Ownership ownership_;
};

}  // namespace seed::rfc2136
