// A DNS provider in plain terms of the C ABI, for plugins that break a rule.
#pragma once
#include <seed/abi.h>
#include <seed/dns.h>

namespace bad {
inline seed_code open(const seed_host *host, const seed_call *, seed_text, void **self) {
    *self = const_cast<seed_host *>(host);
    return SEED_OK;
}
inline void close(void *) {}
inline seed_code reply(void *self, const seed_call *call, seed_text) {
    static_cast<const seed_host *>(self)->reply(call, {"{}", 2});
    return SEED_OK;
}
inline const seed_dns_v0 polite = {sizeof(seed_dns_v0), reply, reply, reply, reply, reply, reply, reply, nullptr};
inline seed_provider describe(const char *id, const char *contract, const seed_dns_v0 *table = &polite) {
    return {sizeof(seed_provider), id, contract, "1.0.0", "breaks a rule", nullptr, 0, open, close, table, nullptr};
}
}  // namespace bad
