/* Contract "seed.registrar/0".  Bodies: schema/registrar-0.json, in C++ seed/registrar.hpp.  A NULL slot means unsupported. */
#ifndef SEED_REGISTRAR_H
#define SEED_REGISTRAR_H
#include <seed/abi.h>

typedef struct seed_registrar_v0 {
    size_t size;
    seed_op check;         /* are we configured well enough to work?  cheap, read-only */
    seed_op search;        /* is this domain free? */
    seed_op price;         /* what would it cost, in which currency? */
    seed_op list;          /* domains of the account */
    seed_op balance;       /* funds of the account */
    seed_op register_domain;/* buy; needs max_price; idempotent by request_id */
    seed_op renew;         /* extend; needs max_price */
    seed_op nameservers;   /* set the delegation */
    seed_op info;          /* expiry, delegation, locks of a domain */
} seed_registrar_v0;

#endif
