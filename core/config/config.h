// The configuration: a YAML file, checked as a whole, to typed settings.  docs/configuration.md documents every key.
//
// All defaults are the member initialisers below and embedded(); nothing else in the program has one.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/model/quota.h"

namespace seed::config {

enum class Admission { invite, open };
enum class Isolation { process, inline_ };

struct PlatformSettings {
    std::string domain;  // instances are INSTANCE.NAMESPACE.DOMAIN
    std::string silo;    // host name of the git server, for messages
    std::string state = "/var/lib/seed";
    std::string flake;   // folder published as the repository `seed`; empty: ../share/seed/flake beside the programs, when it is there
};
struct ListenSettings {
    std::string ssh = "[::]:22";
    std::string http = "[::]:80";
    std::string metrics;  // empty: nowhere; `seed metrics` works without
};
struct IngressSettings {
    std::string prefix;  // IPv6 /48; empty: a ULA made once
    std::string ipv4;    // the host's address that tenants' ipv4.routes share; empty: they have none
    std::vector<std::string> ipv6_blocks;   // of /64, canonical, that ipv6.block of a flake may name
};
struct ProviderChoice {
    std::string plugin;
    Isolation isolation = Isolation::process;
    nlohmann::json config = nlohmann::json::object();
    int line = 0;  // in the file; 0: not from a file
};
struct LimitSettings {
    uint64_t evaluation_memory = 2ull << 30;
    uint64_t build_memory = 4ull << 30;
    uint64_t store_bytes = 8ull << 30;     // Nix store of a namespace
    uint64_t source_bytes = 256ull << 20;  // unpacked tree of a revision
    uint64_t fetch_bytes = 1ull << 30;     // download of one flake input
    uint32_t fetch_seconds = 300;          // of one flake input
    uint64_t pack_bytes = 256ull << 20;    // one push
    uint64_t repository_bytes = 1ull << 30;
    uint32_t evaluation_seconds = 60;
    uint32_t build_seconds = 600;
    uint32_t instances_per_flake = 16;
    uint32_t repositories_per_key = 20;
    uint32_t pushes_per_minute = 60;  // by one key
    uint32_t connections_per_key = 32;
    uint32_t connections_per_address = 64;
    uint32_t connections = 256;
    uint32_t parallel_builds = 2;
    uint32_t keep_generations = 3;     // of a repository, the running one included
    uint32_t keep_deployments = 200;   // of a repository, as `deployments` tells them
    uint64_t reserve_bytes = 512ull << 20;   // free space below which nothing new begins
    uint32_t ready_seconds = 180;      // until a new boot is ready; then the generation before returns
};
struct QuotaSettings {
    model::Quota usual;
    std::map<std::string, model::Quota> repositories;   // by repository; what it leaves out is as usual
    model::Quota of(const std::string &repository) const {
        auto own = repositories.find(repository);
        return own == repositories.end() ? usual : own->second;
    }
};
// What evaluations and builds get from elsewhere (docs/build.md).
struct BuilderSettings {
    // "public", or TYPE and TYPE:PREFIX; empty: only repositories of this platform.
    std::vector<std::string> inputs = {"public"};
    std::vector<std::string> hosts;                    // "HOST:PORT": where listed inputs may redirect to
    std::map<std::string, std::string> substituters;   // https URL to public key
    bool own_substituters = false;                     // given, so that the default of "public" does not count
    bool fixed_outputs = false;
    std::map<std::string, std::string> addresses;      // "HOST" or "HOST:PORT" to "ADDRESS:PORT"
    std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
};
inline const std::map<std::string, std::string> public_substituters = {
    {"https://cache.nixos.org", "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="}};
struct Settings {
    PlatformSettings platform;
    BuilderSettings builder;
    ListenSettings listen;
    IngressSettings ingress;
    Admission admission = Admission::invite;
    std::map<std::string, std::vector<ProviderChoice>> providers;  // by kind; only git and storage may have several
    LimitSettings limits;
    QuotaSettings quotas;
    std::vector<std::string> plugin_directories;  // absolute; default: ../plugins beside the programs
};

// Every mistake is a line "FILE:LINE: key.path: what is wrong; remedy"; all of them are in the text of one Failure(invalid).
Settings load(const std::string &path);
Settings parse(const std::string &text, const std::string &name);
// `seedd --embedded DIR`: one machine, one person, loopback ports (0: free ones), open admission, every provider's default.
Settings embedded(const std::string &directory, uint16_t ssh_port, uint16_t http_port);

}  // namespace seed::config
