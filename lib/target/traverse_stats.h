// What running the target's own tp_traverse in a sandbox gave.
#pragma once

#include <cstdint>

namespace heapglass {

struct TraverseStats {
  std::uint64_t objects = 0, referents = 0, faults = 0, timeouts = 0, deaths = 0, retried = 0, not_asked = 0;
  double ms = 0;
};

}  // namespace heapglass
