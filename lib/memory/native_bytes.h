// The bytes of each object that its own size does not count, so that every sum has them; and sizes that no
// memory is for.
#pragma once

#include <functional>
#include <optional>

#include "lib/base/caveat.h"
#include "lib/heap/unreached_objects.h"
#include "lib/memory/memory_parts.h"
#include "lib/target/capture.h"

namespace heapglass {

// Fills graph.beyond: what mmap and ctypes objects tell of themselves, and the blocks of C code that are an
// object's alone (memory_parts.h). Makes the sizes smaller that an object's own code says it has and that
// nothing it leads to can have, and tells of that. The allocators are asked for only where an object may have
// native memory.
std::optional<Caveat> add_native_bytes(HeapGraph& graph, const Objects& objects, const Capture& capture,
                                       const std::function<const Allocators&()>& allocators);

}  // namespace heapglass
