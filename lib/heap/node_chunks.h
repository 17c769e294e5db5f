// All objects of an index, on all cores, piece by piece.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/parallel.h"
#include "lib/heap/address_index.h"

namespace heapglass {

class NodeChunk {
 public:
  NodeChunk(const AddressIndex& index, std::uint64_t first, std::uint64_t last, unsigned of_worker)
      : worker(of_worker), index_(index), first_(first), last_(last) {}

  // Calls visit(node, address) for each object, ascending.
  template <class Visit>
  void each(Visit visit) const {
    std::uint32_t node = index_.rank(first_);
    index_.each_in_blocks(first_, last_, [&](Address a) { visit(node++, a); });
  }
  const unsigned worker;  // below worker_count(); each has one piece at a time

 private:
  const AddressIndex& index_;
  const std::uint64_t first_, last_;
};

// Calls visit(const NodeChunk&), from many threads.
template <class Visit>
void for_each_chunk(const AddressIndex& index, Visit visit) {
  constexpr std::uint64_t kBlocks = 1 << 10;  // 4 MB of the heap
  parallel_for((index.blocks() + kBlocks - 1) / kBlocks, [&](std::size_t piece, unsigned worker) {
    const std::uint64_t first = piece * kBlocks;
    visit(NodeChunk(index, first, std::min(first + kBlocks, index.blocks()), worker));
  });
}

}  // namespace heapglass
