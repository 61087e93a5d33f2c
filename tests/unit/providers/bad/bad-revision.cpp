// Was built for an ABI that does not exist yet.
#include "descriptor.h"
extern "C" SEED_EXPORT const seed_provider *seed_plugin_v7(uint32_t) {
    return nullptr;
}
