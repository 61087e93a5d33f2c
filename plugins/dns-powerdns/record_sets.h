// Record sets as PowerDNS writes them in JSON, and what makes two of them equal.  Pure.
//
// Whose a set is stands in a comment beside it: account "seed", content the owner's mark.
#pragma once
#include <map>
#include <string>
#include <utility>

#include <seed/dns.hpp>

namespace seed::powerdns {

using SetKey = std::pair<std::string, std::string>;  // name, type

dns::RecordSet set_from_json(const json &rrset);
json replacement(const dns::RecordSet &set);  // an entry of a PATCH that makes it so
json deletion(const SetKey &key);             // an entry of a PATCH that makes it absent
// Lower-case name, AAAA values in their shortest form, sorted values: comparable.
dns::RecordSet canonical(dns::RecordSet set);
SetKey key_of(const std::string &name, const std::string &type);  // canonical

}  // namespace seed::powerdns
