// Objects and bytes by type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/heap_graph.h"

namespace heapglass {

struct TypeCount {
  std::string type;  // types of one name are one row
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;   // shallow: sys.getsizeof
  bool size_unsure = false;  // of at least one of its types
};

// By name; every object is in exactly one row.
std::vector<TypeCount> histogram(const HeapGraph& graph);

// objgraph's rule: a name with a dot is the whole name, one without is the part after the last dot.
bool type_matches(std::string_view type, std::string_view wanted);
std::string_view short_type_name(std::string_view type);

}  // namespace heapglass
