// When not to look: while the collector works, its lists are relinked and hang from its local variables.
#pragma once

#include <string>
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

// The contradiction, where lists of the collector of the main interpreter do not close around their heads:
// then sizeof(PyGC_Head) or the place of the lists is another in this process (3.7.3 and 3.7.5 differ so).
// Empty where the lists close, and where the layout does not tell.
std::string check_collector_lists(const PyRuntime& python, const MemoryReader& memory);

}  // namespace heapglass
