// The dominator tree as a flame graph: whose the bytes are, through whom.
#pragma once

#include <cstdint>

#include "lib/heap/heap.h"
#include "lib/render/report.h"

namespace heapglass {

// Stacks of at most `depth` names; what is deeper is at the last of them. Their bytes add up to those of the
// heap. `named_from`: as in owner_paths().
Profile owner_profile(const Heap& heap, unsigned depth, std::uint64_t named_from = 0);

}  // namespace heapglass
