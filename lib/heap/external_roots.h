// Which objects something outside of the graph keeps alive, by their reference counts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/heap/heap_graph.h"
#include "lib/python/objects.h"

namespace heapglass {

struct ExternalRoots {
  std::vector<bool> held;  // by node: a root, immortal, or counted more often than references were found
  // Of those that are neither roots nor immortal: how many counted references nobody was found for.
  std::uint64_t counted_objects = 0, counted_references = 0;
  std::map<std::string, std::uint64_t> by_type;  // those objects
};

// Needs the graph's references.
ExternalRoots find_external_roots(const HeapGraph& graph, const Objects& objects);

}  // namespace heapglass
