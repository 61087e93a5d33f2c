/* Where every member of ABI 1.0 lies, and what every enumerator is.  Compiles (as C11 and as C++20) or the ABI is broken.
 * Lines are added here with each append and never removed or edited: the copy in released/1.0 is compiled too. */
#include <seed/abi.h>

#ifdef __cplusplus
#define SEED_ASSERT static_assert
#else
#define SEED_ASSERT _Static_assert
#endif
#define AT(type, member, offset) SEED_ASSERT(offsetof(type, member) == (offset), #type "." #member " has moved")
#define AT_LEAST(type, bytes) SEED_ASSERT(sizeof(type) >= (bytes), #type " has shrunk")
#define IS(enumerator, value) SEED_ASSERT((enumerator) == (value), #enumerator " has changed")
#define SAME_TYPE(type, member, text) \
    SEED_ASSERT(sizeof(((type *)0)->member) == sizeof(text), #type "." #member " has another type")

SEED_ASSERT(sizeof(void *) == 8, "Seed plugins are 64-bit");
SEED_ASSERT(sizeof(seed_text) == 16, "seed_text goes by value and never grows");
AT(seed_text, data, 0);
AT(seed_text, size, 8);

AT(seed_call, size, 0);
AT(seed_call, id, 8);
AT(seed_call, request_id, 24);
AT(seed_call, deadline_ns, 40);
AT(seed_call, cancel_fd, 48);
AT(seed_call, fd_count, 52);
AT(seed_call, fds, 56);
AT_LEAST(seed_call, 64);
SAME_TYPE(seed_call, deadline_ns, int64_t);
SAME_TYPE(seed_call, cancel_fd, int);
SAME_TYPE(seed_call, fd_count, uint32_t);

AT(seed_host, size, 0);
AT(seed_host, log, 8);
AT(seed_host, extension, 16);
AT(seed_host, progress, 24);
AT(seed_host, reply, 32);
AT(seed_host, attach, 40);
AT(seed_host, fail, 48);
AT(seed_host, state_dir, 56);
AT_LEAST(seed_host, 72);

AT(seed_provider, size, 0);
AT(seed_provider, id, 8);
AT(seed_provider, contract, 16);
AT(seed_provider, version, 24);
AT(seed_provider, summary, 32);
AT(seed_provider, config_schema, 40);
AT(seed_provider, flags, 48);
AT(seed_provider, open, 56);
AT(seed_provider, close, 64);
AT(seed_provider, ops, 72);
AT(seed_provider, extension, 80);
AT_LEAST(seed_provider, 88);
SAME_TYPE(seed_provider, flags, uint32_t);

SEED_ASSERT(sizeof(seed_code) == 4 && sizeof(seed_level) == 4, "codes and levels are 32 bits wide");
IS(SEED_OK, 0);
IS(SEED_INVALID, 1);
IS(SEED_NOT_FOUND, 2);
IS(SEED_CONFLICT, 3);
IS(SEED_DENIED, 4);
IS(SEED_LIMIT, 5);
IS(SEED_UNAVAILABLE, 6);
IS(SEED_TIMEOUT, 7);
IS(SEED_CANCELLED, 8);
IS(SEED_UNSUPPORTED, 9);
IS(SEED_INTERNAL, 10);
IS(SEED_DEBUG, 0);
IS(SEED_INFO, 1);
IS(SEED_WARN, 2);
IS(SEED_ERROR, 3);
IS(SEED_CONCURRENT, 1);

/* The signatures: an assignment of another type does not compile. */
#ifdef __cplusplus
extern "C" {
#endif
void seed_layout_signatures(const seed_host *host, const seed_provider *provider);
void seed_layout_signatures(const seed_host *host, const seed_provider *provider) {
    void (*log)(const struct seed_host *, seed_level, seed_text) = host->log;
    const void *(*host_extension)(const struct seed_host *, const char *) = host->extension;
    void (*progress)(const seed_call *, int32_t, seed_text) = host->progress;
    void (*reply)(const seed_call *, seed_text) = host->reply;
    int32_t (*attach)(const seed_call *, int) = host->attach;
    seed_code (*fail)(const seed_call *, seed_code, int64_t, seed_text) = host->fail;
    seed_code (*open)(const seed_host *, const seed_call *, seed_text, void **) = provider->open;
    void (*close)(void *) = provider->close;
    const void *(*extension)(void *, const char *) = provider->extension;
    seed_code (*op)(void *, const seed_call *, seed_text) = (seed_op)0;
    const seed_provider *(*entry)(uint32_t) = seed_plugin_v1;
    (void)log, (void)host_extension, (void)progress, (void)reply, (void)attach, (void)fail;
    (void)open, (void)close, (void)extension, (void)op, (void)entry;
}
#ifdef __cplusplus
}
#endif
