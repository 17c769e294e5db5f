// The allocators that C code may have, each read in a folder of its own. To add one: its folder, and a row of
// kAllocators in c_allocators.cc; what it has handed out is told as a MallocHeap (lib/target/malloc_heap.h).
#pragma once

#include <string>
#include <vector>

#include "lib/target/capture.h"
#include "lib/target/malloc_heap.h"

namespace heapglass {

// Of the first that is found; without a name where none is. `taken`: ranges that others are known to have, in
// order of address: nothing is looked for there.
MallocHeap read_malloc_heap(const Capture& capture, const std::vector<MallocArena::Range>& taken);

// The name of one that is in the process and cannot be read; empty: there is none.
std::string unread_allocator(const Mappings& mappings);

}  // namespace heapglass
