/* Contract "seed.git/0".  Bodies: schema/git-0.json, in C++ seed/git.hpp.  A NULL slot means unsupported. */
#ifndef SEED_GIT_H
#define SEED_GIT_H
#include <seed/abi.h>

typedef struct seed_git_v0 {
    size_t size;
    seed_op check;         /* are we able to serve?  cheap, read-only */
    seed_op list;          /* repositories */
    seed_op create;        /* make an empty repository; idempotent */
    seed_op remove;        /* delete a repository; of nothing succeeds */
    seed_op resolve;       /* a revision for a ref, or the default branch */
    seed_op read;          /* one small file of a revision */
    seed_op fetch;         /* write a revision's tree as a tar stream to descriptor `out` */
    seed_op serve;         /* stream: carry one hosted git conversation over descriptors */
    seed_op watch;         /* stream: ref changes noticed by polling (optional) */
    seed_op hook;          /* interpret a webhook delivery (optional) */
    seed_op respond;       /* answer a web request about a repository (optional) */
} seed_git_v0;

#endif
