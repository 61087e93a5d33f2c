// Speaks a revision of the contract that we do not.
#include "descriptor.h"
extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static const seed_provider provider = bad::describe("bad-contract", "seed.dns/9");
    return index == 0 ? &provider : nullptr;
}
