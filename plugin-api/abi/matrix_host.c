/* A host for matrix.py, built against an old or a new abi.h.  Every struct it hands out ends at a page that cannot be touched,
 * so a plugin that looks further than `size` says dies. */
#include <dlfcn.h>
#include <seed/abi.h>
#include <seed/dns.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *before_a_wall(const void *from, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, page, PROT_NONE);
    return memcpy(pages + page - size, from, size);
}

static void log_line(const seed_host *host, seed_level level, seed_text line) { (void)host, (void)level, (void)line; }
static const void *no_extension(const seed_host *host, const char *id) { return (void)host, (void)id, NULL; }
static void progress(const seed_call *call, int32_t permille, seed_text doing) { (void)call, (void)permille, (void)doing; }
static void reply(const seed_call *call, seed_text json) { (void)call, printf("reply %.*s\n", (int)json.size, json.data); }
static int32_t attach(const seed_call *call, int fd) { return (void)call, (void)fd, -1; }
static seed_code fail(const seed_call *call, seed_code code, int64_t retry, seed_text why) {
    (void)call, (void)retry, (void)why;
    return code;
}
#ifdef SEED_IS_NEXT
static int32_t seven(const struct seed_host *host) { return (void)host, 7; }
#endif

int main(int count, char **arguments) {
    seed_text nothing = {NULL, 0}, empty = {"{}", 2};
    seed_call call_made;
    seed_host host_made;
    const seed_provider *(*entry)(uint32_t);
    void *library = dlopen(count > 1 ? arguments[1] : "", RTLD_NOW | RTLD_LOCAL), *self = NULL;
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
    *(void **)&entry = dlsym(library, "seed_plugin_v1");
    if (!entry) return fprintf(stderr, "%s\n", dlerror()), 1;

    memset(&call_made, 0, sizeof call_made);
    memset(&host_made, 0, sizeof host_made);
    call_made.size = sizeof call_made;
    call_made.deadline_ns = INT64_MAX;
    call_made.cancel_fd = -1;
    host_made.size = sizeof host_made;
    host_made.log = log_line;
    host_made.extension = no_extension;
    host_made.progress = progress;
    host_made.reply = reply;
    host_made.attach = attach;
    host_made.fail = fail;
    host_made.state_dir = nothing;
#ifdef SEED_IS_NEXT
    host_made.next_member = seven;
    call_made.next_member = 5;
#endif
    const seed_host *host = before_a_wall(&host_made, sizeof host_made);
    const seed_call *call = before_a_wall(&call_made, sizeof call_made);
    const seed_provider *provider = entry(0);
    const seed_dns_v0 *table = provider->ops;
    if (provider->open(host, call, empty, &self) != SEED_OK) return 1;
    table->check(self, call, empty);
    seed_code code = table->apply(self, call, empty);
    printf("apply %s\n", code > SEED_OK && code <= SEED_INTERNAL ? "known" : "internal");
#ifdef SEED_IS_NEXT
    printf("provider_next %d\n", SEED_HAS(provider, next_member) ? provider->next_member() : 0);
    if (SEED_HAS(table, next_member)) table->next_member(self, call, empty);
#endif
    printf("absent slot %s\n", SEED_HAS(table, dnssec) ? "called" : "unsupported");
    provider->close(self);
    return 0;
}
