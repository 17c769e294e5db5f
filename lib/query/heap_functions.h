// What SQL can call of a heap.
#pragma once

#include <vector>

#include "lib/heap/heap.h"
#include "lib/query/query_table.h"

namespace heapglass {

// Of a heap that was opened with references, which is borrowed. What they compute is computed at the first
// call.
std::vector<QueryFunction> heap_functions(const Heap& heap);
// The same of no heap, giving NULL: a query can be prepared with them before there is one.
std::vector<QueryFunction> empty_heap_functions();

}  // namespace heapglass
