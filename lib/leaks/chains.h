// Objects of one kind that keep each other: errors by their __cause__, functions that wrap the one before.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lib/leaks/leak_search.h"

namespace heapglass {

// Borrows the search while it is made.
class Chains {
 public:
  Chains(const LeakSearch& search, const std::vector<NodeId>& nodes);

  // Those that no other one keeps, in their order.
  const std::vector<NodeId>& outermost() const { return outermost_; }
  // How many there are in the chain of an outermost one: 1 where it keeps none.
  std::uint64_t length(NodeId outermost) const { return length_.at(index(outermost)); }

 private:
  std::vector<NodeId> outermost_;
  std::unordered_map<std::uint32_t, std::uint64_t> length_;
};

}  // namespace heapglass
