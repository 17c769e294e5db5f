// glibc's malloc in a captured process (malloc/malloc.c and arena.c; 2.26 to 2.43).
#pragma once

#include "lib/target/capture.h"
#include "lib/target/malloc_heap.h"

namespace heapglass {

// Without arenas where no libc with one is found. `taken`: ranges that others are known to have, in
// order of address: no chunk with a mapping of its own is looked for there.
MallocHeap read_glibc_heap(const Capture& capture, const std::vector<MallocArena::Range>& taken);

}  // namespace heapglass
