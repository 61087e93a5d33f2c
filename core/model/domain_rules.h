// A tenant's own domains (`combine.domains` of a flake) and the names of instances within them (`seed.dns.names`).
//
// The same rules as nixos/lib/domains.nix; tests/nix/rules.py holds the two against each other.  Who holds a domain when several flakes
// want it is decided in core/deploy/claims.h.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/model/instance_spec.h"

namespace seed::model {

struct OwnDomain {
    bool registered_by_platform = false;   // `register`: by a registrar of the platform, which there is none of yet
    bool is_default = false;               // unqualified names of instances are below it
};
// What `combine.domains` says; null: none.  Failure(invalid) for names that are no public domains and for wrong members.
std::map<std::string, OwnDomain> parse_domains(const nlohmann::json &value);

// Fills InstanceSpec::names from each instance's `seed.dns.names`, as parse_instance() left them there: qualified, with the domain each is
// in.  Failure(invalid) when a name is in none of `domains`, or when two instances want the same.
void place_names(std::map<std::string, InstanceSpec> &instances, const std::map<std::string, OwnDomain> &domains);

// What the author should know of a sound flake's domains (evaluated as for parse_flake): sentences for the report of a push.
// `platform`: its domain, for the name of its DNS server.
std::vector<std::string> domain_remarks(const nlohmann::json &evaluated, const std::map<std::string, InstanceSpec> &instances, const std::string &platform);

}  // namespace seed::model
