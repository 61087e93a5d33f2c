// What the deployer works with: the platform's providers and rooms, opened by seedd and outliving every job.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/async.h"
#include "core/build/builder.h"
#include "core/deploy/lookout.h"
#include "core/events/events.h"
#include "core/model/quota.h"
#include "core/names/records.h"
#include "core/providers/provider.h"
#include "core/state/store.h"

namespace seed::deploy {

// Addresses of the host that public routes of flakes may use.
struct Ingress {
    std::string ipv4 = {};                      // one that all tenants share; empty: there is none
    std::vector<std::string> ipv6_blocks = {};  // of /64, canonical text, that flakes may name as ipv6.block
    std::set<std::pair<std::string, uint16_t>> own_ports = {};   // ("tcp" or "udp", port): taken by the platform itself on any address
};

struct World {
    asio::any_io_executor executor;
    state::Store &store;
    build::Builder &builder;
    names::Records &records;
    std::shared_ptr<providers::Provider> runtime, git, storage;
    std::shared_ptr<Lookout> lookout;      // of these providers and records
    std::string domain;                    // of the platform
    std::string prefix;                    // /48 of service addresses
    std::string node_address;              // SEED_NODE_IP
    Ingress ingress;                       // what tenants may have of the host's addresses
    size_t instances_per_flake = 16;
    uint64_t source_bytes = 256ull << 20;
    // What a repository may use; null: the default of model::Quota.
    std::function<model::Quota(const std::string &repository)> quota;
    // Why nothing new may begin, in a sentence without an end ("the platform's disk is full ..."); empty: it may.  Null: always.
    std::function<std::string()> shortage;
    // Which storage provider has a volume, or would make it; empty: there is one only.  Null: the same.
    std::function<std::string(const std::string &volume)> volume_place = nullptr;
    size_t keep_generations = 3;          // per repository, with the one that runs (docs/retention.md)
    size_t keep_deployments = 200;        // rows told by `deployments`, per repository
    std::chrono::seconds ready_deadline{180};
    std::chrono::seconds drain{30};        // how long the old boot of a rolling change may finish what it serves
    events::Stream *events = nullptr;      // told what happens; null: nobody listens

    void tell(events::Entry entry) const {
        if (events) events->tell(std::move(entry));
    }
};

}  // namespace seed::deploy
