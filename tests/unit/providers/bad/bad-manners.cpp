// Lets an exception escape, replies with what is not JSON, answers with an unknown code, writes to stdout, leaves slots out.
#include <cstdio>
#include <stdexcept>

#include "descriptor.h"

namespace {
seed_code throws(void *, const seed_call *, seed_text) {
    throw std::runtime_error("escaped");
}
seed_code garbage(void *self, const seed_call *call, seed_text) {
    static_cast<const seed_host *>(self)->reply(call, {"{oops", 5});
    return SEED_OK;
}
seed_code unknown_code(void *, const seed_call *, seed_text) {
    return 4711;
}
seed_code chatty(void *, const seed_call *, seed_text) {
    std::puts("hello from the plugin");
    std::fflush(stdout);
    return SEED_OK;
}
const seed_dns_v0 table = {
    .size = offsetof(seed_dns_v0, settled),  // as if built before `settled` existed
    .check = throws,
    .zones = garbage,
    .ensure_zone = nullptr,
    .list = bad::reply,
    .apply = unknown_code,
    .remove = chatty,
    .settled = bad::reply,
    .dnssec = nullptr,
};
}  // namespace

extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static const seed_provider provider = bad::describe("bad-manners", "seed.dns/0", &table);
    return index == 0 ? &provider : nullptr;
}
