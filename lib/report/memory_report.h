// What memory answers: the memory accounting, as tables.
#pragma once

#include <cstddef>
#include <string>

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

struct MemoryReportOptions {
  std::size_t most = 8;      // rows of each kind, the others of it in one row; 0: all
  bool arenas = false;       // a table of malloc's arenas
  bool always_pins = false;  // else where free memory that is pinned has a twentieth of the sum
  bool owners = false;       // asked for by name: where they are not known that is said
  std::string without;       // an owner: what would be given back without it; empty: not asked
};

// The heap knows which pages are resident, and for `without` its references.
Document memory_document(const Heap& heap, const MemoryReportOptions& options);

}  // namespace heapglass
