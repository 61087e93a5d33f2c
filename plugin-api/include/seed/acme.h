/* Contract "seed.acme/0".  Bodies: schema/acme-0.json, in C++ seed/acme.hpp.  A NULL slot means unsupported. */
#ifndef SEED_ACME_H
#define SEED_ACME_H
#include <seed/abi.h>

typedef struct seed_acme_v0 {
    size_t size;
    seed_op check;         /* are we configured well enough to work?  cheap, read-only */
    seed_op account;       /* find or make the account */
    seed_op order;         /* begin an order; returns the challenges the core answers through dns */
    seed_op finalize;      /* hand in the CSR; returns the chain */
    seed_op revoke;        /* revoke a certificate */
    seed_op renewal_info;  /* when to renew (RFC 9773) */
    seed_op key_change;    /* roll the account key */
} seed_acme_v0;

#endif
