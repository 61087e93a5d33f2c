// The few calls of PowerDNS's HTTP API that we need, with retries: 500 means a locked database, a reset means try again.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <seed/dns.hpp>

#include "plugins/dns-powerdns/http_client.h"
#include "plugins/dns-powerdns/record_sets.h"

namespace seed::powerdns {

class PowerDnsClient {
public:
    // `revive` is called when nobody answers, before the next attempt; may be empty.  It may move the server, hence the
    // functions.
    PowerDnsClient(std::function<std::string()> url, std::string api_key, std::function<void()> revive);

    void ping(const Waiting &waiting) const;
    std::vector<std::string> zones(const Waiting &waiting) const;
    bool has_zone(const std::string &zone, const Waiting &waiting) const;
    void make_zone(const std::string &zone, const std::vector<std::string> &name_servers, const json &rrsets,
                   const Waiting &waiting) const;
    // Why a zone is not removed, a sentence without an end; nullopt: it was.  Only one that make_zone() made goes, and only with nothing
    // in it but its own SOA and NS.  PowerDNS knows no "if nothing changed": a record that somebody writes in this very moment goes with it.
    std::optional<std::string> remove_zone(const std::string &zone, const Waiting &waiting) const;
    std::vector<dns::RecordSet> sets(const std::string &zone, const Waiting &waiting) const;  // Failure(not_found): no such zone
    std::vector<dns::RecordSet> set(const std::string &zone, const SetKey &key, const Waiting &waiting) const;
    void patch(const std::string &zone, const json &rrsets, const Waiting &waiting) const;  // one transaction

private:
    HttpReply ask(const std::string &method, const std::string &path, const std::string &body, const std::string &doing,
                  const Waiting &waiting, long also_good = 0) const;

    std::function<std::string()> url_;
    std::string api_key_;
    std::function<void()> revive_;
};

}  // namespace seed::powerdns
