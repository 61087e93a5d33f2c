/* Contract "seed.runtime/0".  Bodies: schema/runtime-0.json, in C++ seed/runtime.hpp.  A NULL slot means unsupported. */
#ifndef SEED_RUNTIME_H
#define SEED_RUNTIME_H
#include <seed/abi.h>

typedef struct seed_runtime_v0 {
    size_t size;
    seed_op check;         /* are we able to run machines?  cheap, read-only; says which accelerator */
    seed_op prepare;       /* make a closure image known to this runtime; idempotent by key */
    seed_op start;         /* create and start one boot of an instance; returns its handle at once */
    seed_op inspect;       /* state of one boot, by handle */
    seed_op wait;          /* stream: one item now and one per change of any boot of ours (or of `handle`) */
    seed_op logs;          /* stream: lines of an instance, oldest first; `follow` keeps going */
    seed_op stop;          /* ask a boot to shut down, then force it after grace_ms */
    seed_op destroy;       /* remove every trace of a boot but its volumes; of nothing succeeds */
    seed_op list;          /* every boot of ours, running or not */
    seed_op publish;       /* service addresses of a namespace lead to these boots; replaces what was published for it */
    seed_op images;        /* closure images we hold */
    seed_op forget;        /* drop a closure image */
    seed_op recover;       /* take up everything again after a restart of the core; idempotent */
    seed_op exec;          /* run a command inside (optional) */
    seed_op stats;         /* resource use of a boot (optional) */
    seed_op identify;      /* which boot owns this address (optional) */
    seed_op shoot;         /* run an ephemeral copy (optional) */
} seed_runtime_v0;

#endif
