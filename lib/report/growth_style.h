// What objgraph.show_growth prints, look by look.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>

#include "lib/heap/heap.h"

namespace heapglass {

// Types that have more objects than they ever had before, most growth first; of tracked objects only.
class GrowthStyle {
 public:
  // `limit` 0: all types.
  GrowthStyle(bool long_names, std::size_t limit) : long_names_(long_names), limit_(limit) {}

  void take(const Heap& heap, std::ostream& out);

 private:
  const bool long_names_;
  const std::size_t limit_;
  std::map<std::string, std::uint64_t> peaks_;
};

}  // namespace heapglass
