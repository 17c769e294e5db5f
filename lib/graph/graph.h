// The object graph as plain arrays: nodes, their sizes, and references. What a node is in Python is not known
// here: lib/heap says that.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/base/large_array.h"
#include "lib/graph/node.h"

namespace heapglass {

// Bytes of objects: four bytes each, more for the few beyond 4 GB, and for those of whose size a part is
// another object's.
class SizeColumn {
 public:
  void resize(std::size_t n) { small_.resize(n, 0); }
  std::size_t size() const { return small_.size(); }
  std::uint64_t operator[](std::size_t i) const {
    const std::uint32_t s = small_[i];
    return s != kLarge ? s : large_.at(static_cast<std::uint32_t>(i)).bytes;
  }
  // Without what is another object's: the one size that sums are made of.
  std::uint64_t own(std::size_t i) const {
    const std::uint32_t s = small_[i];
    if (s != kLarge) return s;
    const Large& large = large_.at(static_cast<std::uint32_t>(i));
    return large.bytes - large.of_another;
  }
  // From many threads, each its own i; sizes of kLarge and more go through `large` afterwards.
  void set_small(std::size_t i, std::uint32_t bytes) { small_[i] = bytes; }
  // `of_another`: at most `bytes`.
  void set_large(std::size_t i, std::uint64_t bytes, std::uint64_t of_another = 0) {
    small_[i] = kLarge;
    large_[static_cast<std::uint32_t>(i)] = {bytes, of_another};
  }
  // Calls visit(i, bytes of another object) for those that have any, in no order.
  template <class Visit>
  void each_of_another(Visit visit) const {
    for (const auto& [i, large] : large_)
      if (large.of_another) visit(i, large.of_another);
  }
  static constexpr std::uint32_t kLarge = ~std::uint32_t{0};

 private:
  struct Large {
    std::uint64_t bytes = 0, of_another = 0;
  };
  LargeVector<std::uint32_t> small_;
  std::unordered_map<std::uint32_t, Large> large_;
};

struct Graph {
  LargeVector<std::uint32_t> type;  // by node: a number that is equal for nodes of one type
  SizeColumn size;                  // by node: sys.getsizeof
  // By node: bytes of it in buffers that its size does not count. Empty: nobody has looked for any.
  SizeColumn beyond;
  // References, where they were asked for: node n owns [first_edge[n], first_edge[n + 1]).
  LargeVector<std::uint64_t> first_edge;
  LargeVector<NodeId> referent;       // by edge
  LargeVector<EdgeClass> edge_class;  // by edge

  std::uint32_t nodes() const { return static_cast<std::uint32_t>(type.size()); }
  // What an object takes: the one size that sums are made of.
  std::uint64_t all_bytes(std::size_t n) const { return size.own(n) + (beyond.size() ? beyond[n] : 0); }
  bool has_references() const { return !first_edge.empty(); }
  std::span<const NodeId> referents(NodeId n) const {
    const std::uint64_t a = first_edge[index(n)], b = first_edge[index(n) + 1];
    return {referent.data() + a, b - a};
  }
};

// The other direction, made from the first: node n is referred to by [first[n], first[n + 1]) of referrer.
struct Referrers {
  std::vector<std::uint64_t> first;
  std::vector<NodeId> referrer;
  std::span<const NodeId> of(NodeId n) const {
    return {referrer.data() + first[index(n)], first[index(n) + 1] - first[index(n)]};
  }
};
// Needs the references.
Referrers reverse(const Graph& graph);

}  // namespace heapglass
