// What the allocators of a captured process have, and the bill of its memory made from that.
#pragma once

#include <vector>

#include "lib/heap/heap.h"
#include "lib/memory/arena_row.h"
#include "lib/memory/memory_bill.h"

namespace heapglass {

struct MemoryAccount {
  MemoryBill bill;
  std::vector<ArenaRow> arenas;
};

// From the memory of the capture, which was taken with residency; what this reads is not recorded for a
// snapshot. A snapshot has only part of the memory: lib/snapshot/saved_bill.h answers for every heap.
MemoryAccount compute_memory_account(const Heap& heap);
// One of the two alone.
MemoryBill compute_memory_bill(const Heap& heap);
std::vector<ArenaRow> compute_arenas(const Heap& heap);

}  // namespace heapglass
