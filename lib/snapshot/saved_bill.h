// The bill of a process' memory in its snapshot: computed when it is taken, since what it comes from are the
// allocators' records of all memory, which a snapshot does not keep.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/memory/memory_account.h"
#include "lib/snapshot/metadata.h"

namespace heapglass {

// Of any heap: of a snapshot as it was computed when that was taken.
MemoryAccount memory_account(const Heap& heap);
// One of the two alone.
MemoryBill memory_bill(const Heap& heap);
std::vector<ArenaRow> arenas(const Heap& heap);

// The bill where it is beside what was asked for: without it the answer is one nevertheless.
struct TakenBill {
  std::optional<MemoryBill> bill;
  std::string why_none;
};
TakenBill take_bill(const Heap& heap);

// Sections bill.*, metadata bill.*.
void save_bill(SnapshotWriter& writer, Metadata& facts, const MemoryBill& bill);
// Throws Error kFile where the sections contradict themselves.
MemoryBill load_bill(const SnapshotFile& file, const Metadata& facts);

// Sections arena.*: the rows of the table of that name.
void save_arenas(SnapshotWriter& writer, const std::vector<ArenaRow>& arenas);
std::vector<ArenaRow> load_arenas(const SnapshotFile& file);

}  // namespace heapglass
