// What a snapshot has beside the memory, put into the parts of a heap.
#pragma once

#include "lib/heap/heap.h"

namespace heapglass {

class SnapshotTarget;

struct LoadOptions {
  bool graph = true;
  bool references = true;
};

// Into `parts`, of which everything up to the types is there. Throws Error kFile where the file contradicts
// itself.
void load_heap(const SnapshotTarget& snapshot, const LoadOptions& options, HeapParts& parts);

}  // namespace heapglass
