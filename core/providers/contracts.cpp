#include "core/providers/contracts.h"

#include <cstring>

#include <seed/acme.h>
#include <seed/dns.h>
#include <seed/git.h>
#include <seed/registrar.h>
#include <seed/runtime.h>
#include <seed/storage.h>

namespace seed::providers {

std::string Contract::id() const {
    return "seed." + std::string(kind) + "/" + std::to_string(revision);
}

const Slot *Contract::find(std::string_view slot) const {
    for (const Slot &candidate : slots) {
        if (candidate.name == slot) return &candidate;
    }
    return nullptr;
}

#define SLOT(table, name, ...)                                  \
    Slot {                                                      \
#name, offsetof(table, name) __VA_OPT__(, ) __VA_ARGS__ \
    }

#define READS(table, name, ...) reading(SLOT(table, name __VA_OPT__(, ) __VA_ARGS__))

namespace {
constexpr Slot reading(Slot slot) {
    slot.effect = Effect::reads;
    return slot;
}
}  // namespace

const std::vector<Contract> &contracts() {
    constexpr bool optional = true;
    static const std::vector<Contract> all = {
        {"runtime",
         0,
         {READS(seed_runtime_v0, check), SLOT(seed_runtime_v0, prepare), SLOT(seed_runtime_v0, start),
          READS(seed_runtime_v0, inspect), READS(seed_runtime_v0, wait, Flow::stream), READS(seed_runtime_v0, logs, Flow::stream),
          SLOT(seed_runtime_v0, stop), SLOT(seed_runtime_v0, destroy), READS(seed_runtime_v0, list),
          SLOT(seed_runtime_v0, publish), READS(seed_runtime_v0, images), SLOT(seed_runtime_v0, forget),
          SLOT(seed_runtime_v0, recover), SLOT(seed_runtime_v0, exec, Flow::conversation, optional),
          READS(seed_runtime_v0, stats, Flow::stream, optional), SLOT(seed_runtime_v0, identify, Flow::plain, optional),
          SLOT(seed_runtime_v0, shoot, Flow::conversation, optional)}},
        {"dns",
         0,
         {READS(seed_dns_v0, check), READS(seed_dns_v0, zones), SLOT(seed_dns_v0, ensure_zone),
          READS(seed_dns_v0, list, Flow::stream), SLOT(seed_dns_v0, apply), SLOT(seed_dns_v0, remove), READS(seed_dns_v0, settled),
          SLOT(seed_dns_v0, dnssec, Flow::plain, optional), SLOT(seed_dns_v0, remove_zone, Flow::plain, optional)}},
        {"git",
         0,
         {READS(seed_git_v0, check), READS(seed_git_v0, list), SLOT(seed_git_v0, create), SLOT(seed_git_v0, remove),
          READS(seed_git_v0, resolve), READS(seed_git_v0, read), READS(seed_git_v0, fetch),
          SLOT(seed_git_v0, serve, Flow::conversation), READS(seed_git_v0, watch, Flow::stream, optional),
          SLOT(seed_git_v0, hook, Flow::plain, optional), SLOT(seed_git_v0, respond, Flow::plain, optional)}},
        {"storage",
         0,
         {READS(seed_storage_v0, check), SLOT(seed_storage_v0, create), SLOT(seed_storage_v0, attach),
          SLOT(seed_storage_v0, detach), SLOT(seed_storage_v0, resize), SLOT(seed_storage_v0, snapshot, Flow::plain, optional),
          SLOT(seed_storage_v0, remove), READS(seed_storage_v0, list), READS(seed_storage_v0, usage)}},
        {"registrar",
         0,
         {READS(seed_registrar_v0, check), READS(seed_registrar_v0, search), READS(seed_registrar_v0, price),
          READS(seed_registrar_v0, list), READS(seed_registrar_v0, balance), SLOT(seed_registrar_v0, register_domain),
          SLOT(seed_registrar_v0, renew), SLOT(seed_registrar_v0, nameservers), READS(seed_registrar_v0, info)}},
        {"acme",
         0,
         {READS(seed_acme_v0, check), SLOT(seed_acme_v0, account), SLOT(seed_acme_v0, order), SLOT(seed_acme_v0, finalize),
          SLOT(seed_acme_v0, revoke), READS(seed_acme_v0, renewal_info), SLOT(seed_acme_v0, key_change)}},
    };
    return all;
}

const Contract *find_contract(std::string_view kind) {
    for (const Contract &contract : contracts()) {
        if (contract.kind == kind) return &contract;
    }
    return nullptr;
}

seed_op operation_of(const void *table, const Slot &slot) {
    size_t size = 0;
    std::memcpy(&size, table, sizeof size);  // every table begins with its size
    if (size < slot.offset + sizeof(seed_op)) return nullptr;
    seed_op operation = nullptr;
    std::memcpy(&operation, static_cast<const char *>(table) + slot.offset, sizeof operation);
    return operation;
}

}  // namespace seed::providers
