// dns-powerdns: the contract's operations.  Changes read, compare and then write what differs, in one transaction per 5000 sets;
// a set that is right already is not written, so its zone's serial stays.
#pragma once
#include <map>
#include <memory>

#include <seed/plugin.hpp>

#include "plugins/dns-powerdns/managed_server.h"
#include "plugins/dns-powerdns/powerdns_client.h"
#include "plugins/dns-powerdns/settings.h"

namespace seed::powerdns {

class PowerDns : public plugin::DnsProvider {
public:
    PowerDns(const plugin::Host &host, const json &config);

    dns::CheckReply check(plugin::Call &) override;
    dns::ZonesReply zones(plugin::Call &) override;
    void ensure_zone(plugin::Call &, const dns::EnsureZoneRequest &) override;
    dns::RemoveZoneReply remove_zone(plugin::Call &, const dns::ZoneRequest &) override;
    void list(plugin::Call &, const dns::ZoneRequest &) override;
    void apply(plugin::Call &, const dns::ApplyRequest &) override;
    void remove(plugin::Call &, const dns::RemoveRequest &) override;
    dns::SettledReply settled(plugin::Call &, const dns::ZoneRequest &) override;

private:
    // What there is under these keys.
    std::map<SetKey, dns::RecordSet> existing(const std::string &zone, const std::vector<SetKey> &keys,
                                              const Waiting &waiting) const;
    void send(const std::string &zone, const std::vector<json> &changes, plugin::Call &call) const;

    const plugin::Host &host_;
    Settings settings_;
    std::unique_ptr<ManagedServer> server_;  // null: a server by URL
    std::unique_ptr<PowerDnsClient> client_;
};

}  // namespace seed::powerdns
