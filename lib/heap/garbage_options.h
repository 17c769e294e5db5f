// What find_garbage needs to know of a captured heap beside its graph.
#pragma once

#include <vector>

#include "lib/graph/garbage.h"
#include "lib/heap/heap_graph.h"
#include "lib/python/roots.h"

namespace heapglass {

// Borrows everything, as long as the options are used.
GarbageOptions garbage_options(TypeTable& types, const HeapGraph& graph,
                               const std::vector<PyInterpreter>& interpreters);

}  // namespace heapglass
