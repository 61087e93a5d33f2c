/* seed/abi.h - the one header a Seed plugin must obey.  C11 and C++, no dependencies.
 *
 * A plugin is a shared object with one exported symbol, seed_plugin_v1().  It offers
 * providers; a provider is a descriptor plus a table of operations for one kind (dns,
 * registrar, acme, git, storage, runtime).  The tables live in seed/<kind>.h and are all
 * alike: every slot is a seed_op, every body is JSON, bulk data travels as descriptors.
 * That sameness is what lets the core run a plugin in a process of its own, unchanged.
 *
 * MEMORY   A pointer you are given is yours to read until your function returns.
 *          Bytes you hand over are copied before that function returns.
 *          Nobody frees anything the other side made.  Descriptors: same rule, dup to keep.
 * THREADS  Operations block; the core calls them from any worker thread, one at a time
 *          per instance unless the descriptor says SEED_CONCURRENT (operations a contract
 *          marks "stream" always run beside the others).  Host functions may be called
 *          from any thread of yours, call-bound ones only while the call runs.
 * ERRORS   Return a code; say why with host->fail().  Never throw, exit, or longjmp out.
 * RETRIES  Every change carries a request_id; doing it twice must equal doing it once,
 *          and removing what is already gone succeeds.
 * MANNERS  No stdout, signal handlers, chdir, setenv, umask, fork without exec, or threads
 *          that outlive close().
 * GROWTH   This is version 1, frozen: structs grow at their end only, and `size` says how much
 *          of one its maker knew; ask SEED_KNOWS or SEED_HAS before using a member that is
 *          newer than 1.0.  seed_text goes by value and never grows.  Enumerators are only
 *          added; treat an unknown code as SEED_INTERNAL.  Unknown JSON members are ignored.
 *          Nothing is renamed, reused or removed.  Anything else is v2: a new symbol beside
 *          this one, and v1 is loaded for two more minor releases of Seed.
 * CONTRACTS have revisions of their own, "seed.dns/0".  While it is 0 a contract may still
 *          change.  It becomes /1 when two providers of its kind that share no code pass the
 *          conformance kit; from then on its table and its bodies grow like the structs here
 *          (members are added, never required anew), and anything else is /2 beside it.
 *          How to promote one, and how to accept an append: docs/plugins/stability.md.
 */
#ifndef SEED_ABI_H
#define SEED_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEED_EXPORT __attribute__((visibility("default")))
#define SEED_ABI_MAJOR 1
#define SEED_ABI_MINOR 0 /* counts the appends; for messages only: what is there is said by `size` */

/* Does the maker of this struct know `member`? */
#define SEED_KNOWS(table, member)                                                \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member))
/* The same for members that are pointers: known and filled in. */
#define SEED_HAS(table, member) (SEED_KNOWS(table, member) && (table)->member)

/* UTF-8, not NUL-terminated.  {NULL, 0} means absent. */
typedef struct seed_text {
    const char *data;
    size_t size;
} seed_text;

/* What happened, chosen by what the caller should do next. */
typedef int32_t seed_code;
enum seed_codes {
    SEED_OK = 0,
    SEED_INVALID = 1,     /* the request or configuration is wrong: fix it, don't retry   */
    SEED_NOT_FOUND = 2,   /* the named thing does not exist                               */
    SEED_CONFLICT = 3,    /* it exists, differently                                       */
    SEED_DENIED = 4,      /* credentials missing, wrong, or too weak                      */
    SEED_LIMIT = 5,       /* quota, balance, or rate: retry after the given wait          */
    SEED_UNAVAILABLE = 6, /* the service behind the plugin is down: retry                 */
    SEED_TIMEOUT = 7,     /* the deadline passed; the change may or may not have happened */
    SEED_CANCELLED = 8,   /* the core asked to stop, and we did                           */
    SEED_UNSUPPORTED = 9, /* this provider cannot do that, ever                           */
    SEED_INTERNAL = 10    /* a bug in the plugin                                          */
};

typedef int32_t seed_level;
enum seed_levels { SEED_DEBUG = 0, SEED_INFO = 1, SEED_WARN = 2, SEED_ERROR = 3 };

/* One operation in flight.  Made by the host. */
typedef struct seed_call {
    size_t size;
    seed_text id;         /* names the call in logs on both sides                        */
    seed_text request_id; /* same id + same body = same result; stable over retries      */
    int64_t deadline_ns;  /* CLOCK_MONOTONIC; always set                                 */
    int cancel_fd;        /* becomes readable when the core gives up: poll it beside IO  */
    uint32_t fd_count;
    const int *fds;       /* descriptors the request refers to by index                  */
} seed_call;

/* What the core does for the plugin. */
typedef struct seed_host {
    size_t size;
    void (*log)(const struct seed_host *, seed_level, seed_text message);
    /* Optional host services by name, e.g. "seed.http/1".  NULL when not offered. */
    const void *(*extension)(const struct seed_host *, const char *id);
    /* The next four belong to a running call. */
    void (*progress)(const seed_call *, int32_t permille, seed_text doing); /* -1: no idea  */
    void (*reply)(const seed_call *, seed_text json); /* once; per item in a stream         */
    int32_t (*attach)(const seed_call *, int fd);     /* send a descriptor; gives its index */
    /* Explain a failure; returns `code` so an operation can end with it.  Keep secrets out. */
    seed_code (*fail)(const seed_call *, seed_code code, int64_t retry_after_ms, seed_text why);
    /* A directory only this provider instance writes to; absolute; kept over restarts. */
    seed_text state_dir;
} seed_host;

/* An operation.  `self` comes from open(); `request` is a JSON object. */
typedef seed_code (*seed_op)(void *self, const seed_call *, seed_text request);

enum seed_flags { SEED_CONCURRENT = 1 }; /* seed_provider.flags, a bit set */

/* What a provider is.  Static data: reading it must do nothing. */
typedef struct seed_provider {
    size_t size;
    const char *id;            /* "dns-powerdns": lower case, unique, never reused   */
    const char *contract;      /* "seed.dns/0": which table `ops` is                 */
    const char *version;       /* the plugin's own, semver                           */
    const char *summary;       /* one line for `seed plugin list`                    */
    const char *config_schema; /* JSON Schema; the core validates before open()      */
    uint32_t flags;
    /* Make an instance from validated configuration.  Touch no network here. */
    seed_code (*open)(const seed_host *, const seed_call *, seed_text config, void **self);
    void (*close)(void *self); /* no call is running; join your threads first */
    const void *ops;           /* e.g. const seed_dns_v0 *                    */
    /* Optional plugin services by name.  NULL, or returns NULL, when not offered. */
    const void *(*extension)(void *self, const char *id);
} seed_provider;

/* The entry.  Index 0, 1, ... until it returns NULL.  Same pointers every time.
 * One id may appear once per contract it speaks; the core takes the newest it knows. */
SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
