// What time it is for people.
#pragma once

#include <chrono>
#include <cstdint>

namespace heapglass {

inline std::int64_t milliseconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace heapglass
