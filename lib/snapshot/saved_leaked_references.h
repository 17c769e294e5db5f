// What C code took references to and never gave back: of a process from its memory, of a snapshot, which has
// only part of that, as it was found when the snapshot was taken.
#pragma once

#include <vector>

#include "lib/heap/heap.h"
#include "lib/leaks/leaked_references.h"
#include "lib/snapshot/snapshot_writer.h"

namespace heapglass {

// Throws Error kFile where the heap's snapshot is of an older format, which does not tell.
std::vector<LeakedReferences> leaked_references_of(const Heap& heap);

// Sections lost.*.
void save_leaked_references(SnapshotWriter& writer, const std::vector<LeakedReferences>& lost);

}  // namespace heapglass
