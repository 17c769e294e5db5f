// What a note says of the rows that a limit has left out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heapglass {

// "1 more suspect", "12 more suspects", by the word for one.
inline std::string rows_left(std::size_t left, std::string_view one) {
  return std::to_string(left) + " more " + std::string(one) + (left == 1 ? "" : "s");
}

}  // namespace heapglass
