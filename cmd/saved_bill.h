// The bill of a process' memory in its snapshot: computed when it is taken, since what it comes from are the
// allocators' records of all memory, which a snapshot does not keep.
#pragma once

#include <optional>

#include "lib/analysis/memory_bill.h"
#include "lib/snapshot/facts.h"

namespace heapglass {

// Sections bill.*, facts bill.*.
void save_bill(SnapshotWriter& writer, Facts& facts, const MemoryBill& bill);
// Throws Error kFile where the sections contradict themselves.
MemoryBill load_bill(const SnapshotFile& file, const Facts& facts);

}  // namespace heapglass
