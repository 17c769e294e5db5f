// Why a forked process has pages of its own that its master had too: which words of them differ, and what
// these words are.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "lib/heap/heap.h"
#include "lib/memory/memory_parts.h"
#include "lib/target/private_page.h"

namespace heapglass {

// The causes, of which a page has the first that is true.
enum class PrivateCause : std::uint8_t {
  kNewMemory,        // the master has no such page
  kContent,          // other words differ than the two kinds below
  kReferenceCounts,  // only ob_refcnt of objects differs, and perhaps collector heads
  kCollectorHeads,   // only _gc_next and _gc_prev of objects differ
  kNothingDiffers,   // it was written, and is again as it was
  kNotCompared,      // the master's page is in swap or could not be read
};
constexpr std::size_t kPrivateCauses = 6;
const char* key_of(PrivateCause cause);     // "reference_counts"
const char* words_for(PrivateCause cause);  // for people
// What names and types are called that have none.
constexpr char kNoObject[] = "(no object: free blocks, C memory)";

struct PrivateBytes {
  std::array<std::uint64_t, kPrivateCauses> by_cause{};  // bytes of whole pages
  // Each page's bytes, divided among the objects whose words differ by the number of these words; of pages
  // that the master has not, of new memory and of what does not differ, among the objects on them by their
  // bytes. A buffer counts for the object that has it.
  std::map<std::pair<PrivateCause, std::string>, double> by_type, by_owner;
  // Whether all of the old objects' heads were written since the fork, as a full collection does: at least 95
  // % of the inherited pages with tracked objects are the process' own.
  bool collected = false;
  // Pages that would be shared still, had their objects been frozen (gc.freeze) before the fork: those of
  // kCollectorHeads, and where a full collection came those of kNothingDiffers that have tracked objects.
  // `freeze_keeps_at_most` counts the latter even where none is seen.
  std::uint64_t freeze_keeps = 0, freeze_keeps_at_most = 0;
  // To 3.11: those of kReferenceCounts where only counts of objects differ that are immortal from 3.12 on.
  std::uint64_t immortal_keeps = 0;
};

// `parts`: with holders.
PrivateBytes private_bytes(const Heap& heap, const PrivatePages& pages, const MemoryParts& parts);

}  // namespace heapglass
