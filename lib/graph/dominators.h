// Who alone keeps what alive: the dominator tree of the heap, and the bytes that would be freed with each
// object. Semi-NCA (Georgiadis, Linear-Time Algorithms for Dominators and Related Problems, 2005), on arrays,
// without recursion.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/graph/graph.h"

namespace heapglass {

// An object is freed when its last counted reference goes; references of the graph that are weak do not
// count.
class Dominators {
 public:
  // `held`, by node: something outside of the graph holds it (a root, C code, immortality), so that no object
  // is its only holder. What is reachable from none of those is garbage; each such group hangs from its first
  // object.
  Dominators(const Graph& graph, const std::vector<bool>& held);

  // The nearest object without which `n` would go; kNoNode: none, several ways hold it or something outside
  // does.
  NodeId dominator(NodeId n) const { return dominator_[index(n)]; }
  // sys.getsizeof of the object and of all that it dominates.
  std::uint64_t retained_bytes(NodeId n) const { return bytes_[index(n)]; }
  std::uint32_t retained_objects(NodeId n) const { return objects_[index(n)]; }
  // By type of graph.types: the bytes that its objects retain together, what one of them holds by another of
  // the same row counted once. `row_of` joins types to rows: types of one name are one.
  std::vector<std::uint64_t> retained_by(const Graph& graph, std::span<const std::uint32_t> row_of,
                                         std::uint32_t rows) const;
  // In an order in which every dominator comes before what it dominates.
  const std::vector<NodeId>& order() const { return order_; }
  // Objects that nothing from outside reaches.
  std::uint64_t unreached() const { return unreached_; }

 private:
  std::vector<NodeId> dominator_;
  std::vector<std::uint64_t> bytes_;
  std::vector<std::uint32_t> objects_;
  std::vector<NodeId> order_;
  std::uint64_t unreached_ = 0;
};

}  // namespace heapglass
