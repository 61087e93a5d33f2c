#include <seed/util/memory.h>

#include <malloc.h>

namespace seed {

void keep_heap_small() {
    mallopt(M_ARENA_MAX, 1);               // otherwise one for each thread, each keeping what it once needed
    mallopt(M_MMAP_THRESHOLD, 128 << 10);  // setting it stops it from growing with the first large block that is freed
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

}  // namespace seed
