// When not to look: while the collector works, its lists are relinked and hang from its local variables.
#pragma once

#include <vector>

#include "lib/base/limits.h"
#include "lib/python/runtime.h"

namespace heapglass {

// The _gc_runtime_state of an interpreter (3.9+) or of the runtime; null where the layout does not tell.
Address gc_state_of(const PyRuntime& python, Address interpreter);

// Where `collecting` of every interpreter stands, an int that is 0 unless that interpreter collects. From a
// process that runs: an interpreter may come or go meanwhile. Empty where the layout does not tell.
std::vector<Address> collecting_flags(const MemoryReader& memory, const PyRuntime& python,
                                      const Limits& limits);

}  // namespace heapglass
