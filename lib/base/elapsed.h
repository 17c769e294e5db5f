// How long something took, by the clock that is never set.
#pragma once

#include <chrono>

namespace heapglass {

inline double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace heapglass
