// A bound on how many references one pass over the heap may read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/target/image.h"

namespace heapglass {

// A word of memory refers once, so that there are no more references than words, but for those that a
// resolver gives. Lists whose damaged sizes make each of them claim all of memory would have as many as the
// product of both.
class EdgeBudget {
 public:
  explicit EdgeBudget(const Image& image)
      : left_(static_cast<std::int64_t>(image.heap_positions() / 8 * kTimes + kTimes * 4096)) {}
  // False: the budget is used up.
  bool spend(std::size_t edges) {
    return left_.fetch_sub(static_cast<std::int64_t>(edges), std::memory_order_relaxed) > 0;
  }

 private:
  static constexpr std::uint64_t kTimes = 4;  // two readers may read one word; the rest is margin
  std::atomic<std::int64_t> left_;
};

}  // namespace heapglass
