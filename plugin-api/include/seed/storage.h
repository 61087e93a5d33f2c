/* Contract "seed.storage/0".  Bodies: schema/storage-0.json, in C++ seed/storage.hpp.  A NULL slot means unsupported. */
#ifndef SEED_STORAGE_H
#define SEED_STORAGE_H
#include <seed/abi.h>

typedef struct seed_storage_v0 {
    size_t size;
    seed_op check;         /* are we able to work?  cheap, read-only; says free space */
    seed_op create;        /* make a volume, or find it as it was; never shrinks, never formats again */
    seed_op attach;        /* where the runtime finds it */
    seed_op detach;        /* no boot uses it now */
    seed_op resize;        /* grow; shrinking is INVALID */
    seed_op snapshot;      /* a point-in-time copy (optional) */
    seed_op remove;        /* delete for ever; needs confirm = the volume's own name */
    seed_op list;          /* all volumes of ours */
    seed_op usage;         /* bytes used on the host */
} seed_storage_v0;

#endif
