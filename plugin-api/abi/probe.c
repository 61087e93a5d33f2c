/* One function that takes every type of the carrier, named enumerations included, so that abidw describes all of them. */
#include <seed/abi.h>

SEED_EXPORT void seed_abi_probe(const seed_call *call, const seed_host *host, const seed_provider *provider, seed_op operation,
                                seed_text text, seed_code code, seed_level level, enum seed_codes codes,
                                enum seed_levels levels, enum seed_flags flags);
void seed_abi_probe(const seed_call *call, const seed_host *host, const seed_provider *provider, seed_op operation,
                    seed_text text, seed_code code, seed_level level, enum seed_codes codes, enum seed_levels levels,
                    enum seed_flags flags) {
    (void)call, (void)host, (void)provider, (void)operation, (void)text, (void)code, (void)level;
    (void)codes, (void)levels, (void)flags;
}
