// Addresses of some of a graph's objects, without keeping those of all.
#pragma once

#include <cstdint>

#include "lib/heap/address_index.h"

namespace heapglass {

// Calls visit(Address) for each of the objects [first, end), which the index has, ascending.
template <class Visit>
void each_address(const AddressIndex& index_of, std::uint32_t first, std::uint32_t end, Visit visit) {
  if (first >= end) return;
  std::uint64_t block = *index_of.bit_of(index_of.address(NodeId{first})) >> 9;
  for (std::uint32_t n = index_of.rank(block); n < end; ++block)
    index_of.each_in_blocks(block, block + 1, [&](Address a) {
      if (n >= first && n < end) visit(a);
      ++n;
    });
}

}  // namespace heapglass
