// What garbage answers, as tables and as a picture.
#pragma once

#include <cstddef>

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

// What a full collection would free now: `most` types and groups, 0: all.
Document garbage_document(const Heap& heap, std::size_t most);

// The group of that number in the list, the first is 1. Throws Error kUsage where there is none.
Picture garbage_picture(const Heap& heap, std::size_t number, std::size_t most_nodes);

// Objects with more counted references than memory has pointers to them.
Document leaked_references_document(const Heap& heap, std::size_t most);

}  // namespace heapglass
