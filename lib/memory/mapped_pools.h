// Whose the memory is that C code has mapped for itself: pools of libraries that bring an allocator of their
// own (Arrow, polars, torch, Go), and memory that processes share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/memory/memory_parts.h"
#include "lib/target/capture.h"

namespace heapglass {

// A stretch of one mapping that no allocator known here has handed out.
struct PoolRegion {
  Address start{}, end{};    // from its first resident byte to its last
  std::uint64_t bytes = 0;   // resident
  std::size_t mapping = 0;   // which of the capture's
  bool has_objects = false;  // objects of Python lie in it: it is no library's own
  std::string library;       // out: the file whose data leads to it; empty: not known
};

// Names the library of each region, which are in order of address and do not overlap. A library's variables
// lead to its pools, and these to further ones; where none does, C++ objects tell, whose first word leads to
// their library.
void find_pool_libraries(const Capture& capture, const MemoryParts& parts, std::vector<PoolRegion>& regions);

}  // namespace heapglass
