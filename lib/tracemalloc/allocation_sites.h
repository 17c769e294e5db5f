// Where objects were allocated, as far as the target's own tracemalloc was tracing then.
#pragma once

#include <string>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {

class AllocationSites {
 public:
  explicit AllocationSites(const Heap& heap);

  bool tracing() const { return traced_.tracing; }
  std::string why_none() const;  // no site of any object can be told; empty: some can
  // "app.py:12"; empty where nothing is known of it.
  std::string line_of(NodeId node) const;
  // Of every call that was kept, the most recent first.
  std::vector<std::string> lines_of(NodeId node) const;

 private:
  const Trace* find(NodeId node) const;

  const HeapGraph& graph_;
  Tracemalloc traced_;  // its traces in order of address
};

}  // namespace heapglass
