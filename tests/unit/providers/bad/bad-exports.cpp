// Exports a second symbol.
#include "descriptor.h"
extern "C" SEED_EXPORT int another_symbol;
int another_symbol = 1;
extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static const seed_provider provider = bad::describe("bad-exports", "seed.dns/0");
    return index == 0 ? &provider : nullptr;
}
