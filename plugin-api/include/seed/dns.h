/* Contract "seed.dns/0".  Bodies: schema/dns-0.json, in C++ seed/dns.hpp.  A NULL slot means unsupported. */
#ifndef SEED_DNS_H
#define SEED_DNS_H
#include <seed/abi.h>

typedef struct seed_dns_v0 {
    size_t size;
    seed_op check;         /* are we configured well enough to work?  cheap, read-only */
    seed_op zones;         /* the zones this provider serves for us */
    seed_op ensure_zone;   /* make the zone exist; idempotent */
    seed_op list;          /* stream: record sets of a zone, with their owner mark */
    seed_op apply;         /* make these record sets so; refuses those owned by others; idempotent */
    seed_op remove;        /* make these record sets absent, if they are ours; idempotent */
    seed_op settled;       /* has the last change reached the authoritative servers? */
    seed_op dnssec;        /* keys and DS records of a zone (optional) */
    seed_op remove_zone;   /* remove a zone that ensure_zone made and in which nothing is left (optional) */
} seed_dns_v0;

#endif
