/* Needs a function that nobody has. */
#include <seed/abi.h>
extern const seed_provider *nobody_has_this(uint32_t index);
SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) { return nobody_has_this(index); }
