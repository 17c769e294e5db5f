// Objects and bytes by type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/heap/heap_graph.h"
#include "lib/python/objects.h"

namespace heapglass {

struct TypeCount {
  std::string type;  // types of one name are one row
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  // shallow: sys.getsizeof
  std::uint64_t external_bytes =
      0;  // in buffers apart from the objects' own blocks; most of them are in `bytes`
  std::uint64_t unreported_bytes = 0;  // those of them that are not: sys.getsizeof says nothing of them
  bool size_unsure = false;            // of at least one of its types
};

// By name; every object is in exactly one row. Without `objects` (nothing left to read) no external bytes are
// told.
std::vector<TypeCount> histogram(const HeapGraph& graph, const Objects* objects = nullptr);

}  // namespace heapglass
