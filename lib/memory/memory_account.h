// What the allocators of a captured process have, and the bill of its memory made from that.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/heap/unreached_objects.h"
#include "lib/memory/arena_row.h"
#include "lib/memory/dropped_objects.h"
#include "lib/memory/memory_bill.h"

namespace heapglass {

// What the allocators of a process have. `small_objects`: as read_pymalloc takes them.
Allocators read_allocators(const Capture& capture, const Objects& objects,
                           const std::vector<PyInterpreter>& interpreters,
                           const std::vector<Address>& small_objects);

struct MemoryAccount {
  MemoryBill bill;
  std::vector<ArenaRow> arenas;
};

// From the memory of the capture, which was taken with residency, and without the owners of what pins free
// memory: what this reads is not recorded for a snapshot, on whatever thread it is done meanwhile. A snapshot
// has only part of the memory: lib/snapshot/saved_bill.h answers for every heap.
MemoryAccount compute_memory_account(const Heap& heap);
// What the process would give back if these owners went: what hangs in each and in nothing else.
struct WithoutOwner {
  std::uint64_t objects = 0;
  DroppedBytes bytes;
  std::uint64_t trimmed_now = 0;  // what malloc_trim(0) would give back as it is
  // Are at_once and trimmed known? A snapshot has objects and sizes, and not what lies between them: freed is
  // the sum of those.
  bool gives_back_known = true;
};
// Of a heap with references, by `path` as the table of owners has it. Throws Error kUsage where there is none
// such.
WithoutOwner memory_without(const Heap& heap, const std::string& path);
// Whose an object is, by the names of the table of owners; empty where the heap has no references.
std::function<std::string(NodeId)> owner_names(const Heap& heap);
// What the allocators hand out, with holders.
MemoryParts compute_memory_parts(const Heap& heap);
// One of the two alone.
MemoryBill compute_memory_bill(const Heap& heap);
std::vector<ArenaRow> compute_arenas(const Heap& heap);

}  // namespace heapglass
