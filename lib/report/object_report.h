// What show answers: one object in full, as fields and two tables.
#pragma once

#include <cstddef>

#include "lib/heap/heap.h"
#include "lib/render/report.h"
#include "lib/tracemalloc/allocation_sites.h"

namespace heapglass {

// `most` referents and referrers, 0: all of them. The heap has references. The sites are the heap's.
Document object_document(const Heap& heap, NodeId object, std::size_t most, const AllocationSites& sites);

}  // namespace heapglass
