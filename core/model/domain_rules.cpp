#include "core/model/domain_rules.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

using json = nlohmann::json;

constexpr size_t most_domains = 16;

// RFC 6761, 6762, 7686 and ICANN's ".internal": never delegated, so a name below them would lead nobody anywhere.
bool is_reserved(std::string_view top_level) {
    constexpr std::string_view names[] = {"local", "internal", "localhost", "invalid", "onion", "arpa"};
    return std::find(std::begin(names), std::end(names), top_level) != std::end(names);
}

bool boolean(const std::string &where, const json &domain, const char *option) {
    auto found = domain.find(option);
    if (found == domain.end()) return false;
    if (!found->is_boolean()) throw Failure(Code::invalid, where + "." + option + " must be true or false");
    return found->get<bool>();
}

bool is_public(const std::string &name) {
    try {
        return name.find('.') != name.npos && DomainName(name).str() == name;
    } catch (const Failure &) {
        return false;
    }
}

// "a.b.example.com" wants "b.example.com": what is proposed to be declared.
std::string parent_of(const std::string &name) {
    size_t dot = name.find('.');
    return name.find('.', dot + 1) == name.npos ? name : name.substr(dot + 1);
}

}  // namespace

std::map<std::string, OwnDomain> parse_domains(const json &value) {
    std::map<std::string, OwnDomain> domains;
    if (value.is_null()) return domains;
    if (!value.is_object()) throw Failure(Code::invalid, "combine.domains must be a set, like { \"example.com\" = { register = false; }; }");
    std::string defaults;
    size_t default_count = 0;
    for (const auto &[name, options] : value.items()) {
        std::string where = "combine.domains.\"" + printable(name, 80) + "\"";
        if (!options.is_object()) throw Failure(Code::invalid, where + " must be { register; default; }, like { register = false; }");
        if (!is_public(name)) throw Failure(Code::invalid, where + ": \"" + printable(name, 80) + "\" is not a domain: write it like \"example.com\"");
        if (std::string top_level = name.substr(name.rfind('.') + 1); is_reserved(top_level))
            throw Failure(Code::invalid, where + ": names below ." + top_level + " are never published: use a public domain");
        OwnDomain domain{boolean(where, options, "register"), boolean(where, options, "default")};
        if (domain.is_default) defaults += (default_count++ ? ", " : "") + name;
        domains.emplace(name, domain);
    }
    if (default_count > 1)
        throw Failure(Code::invalid, "combine.domains: " + defaults + " are all default: leave default = true at one of them");
    if (domains.size() > most_domains)
        throw Failure(Code::limit, "combine.domains has " + std::to_string(domains.size()) + " domains: use at most " + std::to_string(most_domains));
    return domains;
}

void place_names(std::map<std::string, InstanceSpec> &instances, const std::map<std::string, OwnDomain> &domains) {
    auto usual = std::find_if(domains.begin(), domains.end(), [](const auto &domain) { return domain.second.is_default; });
    std::map<std::string, std::string> owner_of;
    for (auto &[instance, spec] : instances) {
        for (auto &own : spec.names) {
            std::string where = "instance " + instance + ": seed.dns.names \"" + own.name + "\"";
            if (own.name.find('.') == own.name.npos) {
                if (usual == domains.end())
                    throw Failure(Code::invalid, where + " is unqualified and no domain is default: write the full name, or set " +
                                                     "combine.domains.\"DOMAIN\".default = true");
                own.name = DomainName(own.name + "." + usual->first).str();
            }
            for (const auto &[domain, options] : domains)   // the longest: a domain below another of the same flake is a zone of its own
                if (DomainName(own.name).is_within(DomainName(domain)) && domain.size() > own.domain.size()) own.domain = domain;
            if (own.domain.empty())
                throw Failure(Code::invalid, where + " belongs to no domain of this flake: add combine.domains.\"" + parent_of(own.name) +
                                                 "\" = { }; to its outputs");
            if (auto [other, added] = owner_of.emplace(own.name, instance); !added)
                throw Failure(Code::invalid, where + " is " + own.name + ", which instance " + other->second + " has already: a name leads to one instance");
        }
        std::sort(spec.names.begin(), spec.names.end(), [](const OwnName &a, const OwnName &b) { return a.name < b.name; });
    }
}

std::vector<std::string> domain_remarks(const json &evaluated, const std::map<std::string, InstanceSpec> &instances, const std::string &platform) {
    std::vector<std::string> remarks;
    auto found = evaluated.find("domains");
    if (found == evaluated.end()) return remarks;
    for (const auto &[domain, options] : parse_domains(*found)) {
        size_t used = 0;
        for (const auto &[instance, spec] : instances)
            used += static_cast<size_t>(std::count_if(spec.names.begin(), spec.names.end(), [&](const OwnName &own) { return own.domain == domain; }));
        std::string where = "combine.domains.\"" + domain + "\": ";
        if (options.registered_by_platform)
            remarks.push_back(where + "register = true is not carried out, because this platform has no registrar: register it yourself, with the name server ns1." + platform);
        if (used == 0) remarks.push_back(where + "no instance has a name in it (seed.dns.names), so it is not served");
    }
    for (const auto &[instance, spec] : instances)
        if (!spec.names.empty() && spec.expose.empty())
            remarks.push_back("instance " + instance + ": seed.dns.names is set, but nothing is exposed, so there is no address to publish: add an entry to seed.expose");
    return remarks;
}

}  // namespace seed::model
