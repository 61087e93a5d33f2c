// What a long-lived process does about its heap.
#pragma once

namespace seed {

// Makes glibc give large blocks back to the system when they are freed and share one heap between threads: right for processes that
// mostly wait.  Call it first in main, before there are threads.
void keep_heap_small();

}  // namespace seed
