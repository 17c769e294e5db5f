// Two heaps beside each other, which need not be of one program: the memory, the types and the owners of
// both, in rows of the same name.
#pragma once

#include <cstddef>

#include "lib/compare/heap_summary.h"
#include "lib/render/report.h"

namespace heapglass {

// A field "other_program" where they are not of one, and the tables "bill" (where both have one), "types" and
// "owners": *_a is the first heap's figure, *_b the second's, *_delta the second's minus the first's. Rows
// that are the same in both are included; of each table the `most` with the largest difference, then the
// largest, and a note says how many are left out. The summaries have owners.
Document side_by_side_document(const HeapSummary& a, const HeapSummary& b, std::size_t most);

}  // namespace heapglass
