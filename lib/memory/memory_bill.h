// What a process' resident memory is, in rows that add up to it. Plain data: it can be kept when the target
// is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/memory/memory_parts.h"
#include "lib/memory/pinned_memory.h"
#include "lib/target/capture.h"
#include "lib/target/target.h"

namespace heapglass {

enum class MemoryKind : std::uint8_t {
  kObjects,
  kBuffers,
  kNative,  // handed out by an allocator to C code, or to objects that cannot be known
  kPymallocFree,
  kMallocFree,
  kOverhead,  // of allocators: headers, what does not fill a pool
  kStacks,
  kCode,  // programs and libraries, their data included
  kFiles,
  kShared,
  kUnknown,
};
std::string_view name_of(MemoryKind kind);  // "python objects"; stable, scripts lean on it

struct MemoryRow {
  MemoryKind kind = MemoryKind::kUnknown;
  std::string detail;         // a type, a file, an arena, a thread
  std::uint64_t bytes = 0;    // resident
  std::uint64_t objects = 0;  // of kObjects, resident or not
};

struct MemoryBill {
  // Their numbers are in snapshots.
  enum class Verdict : std::uint8_t { kLiveObjects, kFragmentation, kNative, kFiles, kNoOne, kShared };

  bool residency_known = false;                // false (a core): every byte that is there counts
  std::uint64_t rss = 0;                       // as the kernel counted it
  std::uint64_t sum = 0;                       // of the rows
  std::uint64_t page_tables = 0, swapped = 0;  // beside the RSS
  std::vector<MemoryRow> rows;                 // by kind, then the largest first; none of no bytes
  // Resident pages that malloc_trim(0) would give back.
  std::uint64_t malloc_trim_bytes = 0;
  Verdict verdict = Verdict::kNoOne;
  std::string verdict_text;
  struct Arena {  // of malloc
    Address address{};
    bool main = false, sure = true;
    std::uint64_t system = 0, free = 0, cached = 0;  // bytes, resident or not
  };
  std::vector<Arena> arenas;
  // What keeps free memory from being given back, what pins most first, and the sum of what all pin.
  std::vector<PinnedRow> pins;
  std::uint64_t pinned = 0;
  // Where the rows have no owners: the objects, by which with_owners() names them.
  std::vector<PinningObject> pinning;
  PymallocFigures pymalloc;
  std::vector<std::string> doubts;  // what of it is not sure, a sentence each
};

// The owners of what pins free memory are looked for where that is so much of the sum, one part in so many.
constexpr std::uint64_t kWorthOwners = 50;

struct MemoryRange {
  Address start{};
  std::uint64_t size = 0;
  std::string name;
};

struct MemoryBillInput {
  const HeapGraph& graph;
  const Objects& objects;
  const Capture& capture;
  const Pymalloc& pymalloc;
  const MallocHeap& malloc;
  const std::vector<MemoryRange>& stacks;       // in order of address
  const std::vector<SharedMapping>& shared;     // what the kernel counts of each; empty: not asked
  std::function<std::string(NodeId)> owner_of;  // whose an object is; empty: not asked
  std::vector<Address> of_tracemalloc;          // where its blocks begin, in order
};

MemoryBill memory_bill(const MemoryBillInput& input);

// The sum of a kind's rows.
std::uint64_t bytes_of(const MemoryBill& bill, MemoryKind kind);

}  // namespace heapglass
