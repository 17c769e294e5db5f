// What info answers: what runs there.
#pragma once

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

Document info_document(const Heap& heap, bool no_heap);

}  // namespace heapglass
