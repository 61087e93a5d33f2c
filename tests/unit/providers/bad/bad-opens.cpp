// Calls itself mock-dns, loads, and refuses to be opened.
#include "descriptor.h"

namespace {
seed_code refuse(const seed_host *host, const seed_call *call, seed_text, void **) {
    constexpr char why[] = "this one never opens";
    return host->fail(call, SEED_UNAVAILABLE, 0, {why, sizeof why - 1});
}
}  // namespace

extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static seed_provider provider = bad::describe("mock-dns", "seed.dns/0");
    provider.open = refuse;
    return index == 0 ? &provider : nullptr;
}
