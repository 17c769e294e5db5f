// Every invariant of a Graph, checked. A graph that breaks one is a bug of ours: throws std::logic_error.
#pragma once

#include "lib/graph/graph.h"

namespace heapglass {

// `types`: how many types there are.
void verify(const Graph& graph, std::size_t types);

// Throws std::logic_error that says which invariant does not hold.
void require_of_graph(bool holds, const char* what);

}  // namespace heapglass
