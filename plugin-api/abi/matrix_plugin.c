/* A plugin for matrix.py, built against an old or a new abi.h: says what it finds, and offers what is new when it has it. */
#include <seed/abi.h>
#include <seed/dns.h>
#include <stdio.h>
#include <string.h>

static const seed_host *the_host;

static seed_text text(const char *bytes) {
    seed_text result;
    result.data = bytes;
    result.size = strlen(bytes);
    return result;
}

static seed_code check(void *self, const seed_call *call, seed_text request) {
    char line[128];
    int host_next = -1, call_next = -1;
    (void)self, (void)request;
#ifdef SEED_IS_NEXT
    host_next = SEED_HAS(the_host, next_member) ? the_host->next_member(the_host) : 0;
    call_next = SEED_KNOWS(call, next_member) ? (int)call->next_member : 0;
#endif
    snprintf(line, sizeof line, "{\"host_next\":%d,\"call_next\":%d}", host_next, call_next);
    the_host->reply(call, text(line));
    return SEED_OK;
}

static seed_code apply(void *self, const seed_call *call, seed_text request) {
    (void)self, (void)request;
#ifdef SEED_IS_NEXT
    return the_host->fail(call, SEED_NEXT, 0, text("a code of the next version"));
#else
    return the_host->fail(call, SEED_CONFLICT, 0, text("a code of 1.0"));
#endif
}

#ifdef SEED_IS_NEXT
static int32_t forty_two(void) { return 42; }
static seed_code next_slot(void *self, const seed_call *call, seed_text request) {
    (void)self, (void)request;
    the_host->reply(call, text("{\"slot\":\"next\"}"));
    return SEED_OK;
}
#endif

static seed_code open_it(const seed_host *host, const seed_call *call, seed_text config, void **self) {
    (void)call, (void)config;
    the_host = host;
    *self = &the_host;
    return SEED_OK;
}
static void close_it(void *self) { (void)self; }

SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {
    static seed_dns_v0 table;
    static seed_provider provider;
    if (index != 0) return NULL;
    table.size = sizeof table;
    table.check = check;
    table.apply = apply;
    provider.size = sizeof provider;
    provider.id = "matrix";
    provider.contract = "seed.dns/0";
    provider.version = "1.0.0";
    provider.summary = "one corner of the matrix old and new";
    provider.config_schema = "{\"type\":\"object\"}";
    provider.open = open_it;
    provider.close = close_it;
    provider.ops = &table;
#ifdef SEED_IS_NEXT
    provider.next_member = forty_two;
    table.next_member = next_slot;
#endif
    return &provider;
}
