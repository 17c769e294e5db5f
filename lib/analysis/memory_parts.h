// The memory that allocators hand out, part by part, and whose each part is.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/large_array.h"
#include "lib/graph/heap_graph.h"
#include "lib/python/pymalloc.h"
#include "lib/target/malloc_heap.h"

namespace heapglass {

enum class PartUse : std::uint8_t {
  kObject,        // of a type of the graph
  kBuffer,        // an object of that type points to it, and nothing else is known to be there
  kPymallocUsed,  // handed out, to nobody that is known
  kMallocUsed,
  kMappedChunk,  // the same, malloc's chunks with a mapping of their own
  kPymallocFree,
  kPymallocFreePool,
  kPymallocOverhead,
  kMallocFree,  // of the arena with the index `owner`
  kMallocCached,
  kMallocTop,
  kMallocOverhead,
  kUncertain,
};

struct MemoryPart {
  Address start{};
  std::uint64_t size : 56;
  PartUse use : 8;
  std::uint32_t owner = 0;      // a type of the graph, or an arena of malloc
  std::uint32_t object_at = 0;  // of kObject: where in it the object begins, the first of several
};

struct MemoryParts {
  LargeVector<MemoryPart> parts;       // in order of address, not overlapping
  std::vector<std::uint64_t> objects;  // by type of the graph: how many lie in parts
  // Objects in memory that no known allocator has handed out, ascending: static ones, for instance.
  std::vector<NodeId> elsewhere;
};

// Objects lie in the parts around them. What an object's own fields point to and is no object is its buffer,
// and so is what small buffers point to in turn: lists' items, dicts' tables, numpy's data, the C structures
// of an extension type. Of several that point to the same the one with the lowest address has it.
MemoryParts divide_memory(const HeapGraph& graph, const Objects& objects, const Pymalloc& pymalloc,
                          const MallocHeap& malloc);

}  // namespace heapglass
