// Every invariant of a HeapGraph, checked. A graph that breaks one is a bug of ours: throws std::logic_error.
#pragma once

#include "lib/heap/heap_graph.h"

namespace heapglass {

void verify(const HeapGraph& graph);

}  // namespace heapglass
