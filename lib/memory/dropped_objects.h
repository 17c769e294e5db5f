// What a process would give back to the system without some of its objects.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/memory/memory_parts.h"
#include "lib/target/residency.h"

namespace heapglass {

struct DroppedBytes {
  std::uint64_t freed = 0;    // resident bytes of the objects' blocks and of their buffers
  std::uint64_t at_once = 0;  // given back as they go: large blocks, and arenas of pymalloc that become empty
  std::uint64_t trimmed = 0;  // what malloc_trim(0) would give back then
};

// `dropped`, by node. The parts have holders.
DroppedBytes bytes_without(const HeapGraph& graph, const MemoryParts& parts, const Pymalloc& pymalloc,
                           const std::vector<Residency::Run>& runs, const std::vector<bool>& dropped);

}  // namespace heapglass
