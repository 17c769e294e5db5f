// The ways by which the world outside of the heap reaches an object: who keeps it alive, and through what.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/graph/heap_graph.h"

namespace heapglass {

struct WaysOptions {
  // Modules that the interpreter's table has: ways begin there rather than at the table.
  std::vector<NodeId> modules;
  // By node: counted by something that is no object nor a root of the graph (find_external_roots.h). Such a
  // start is taken only where nothing known reaches.
  const std::vector<bool>* held = nullptr;
  std::function<bool(NodeId)> avoid;  // no way goes through these
  std::function<bool(NodeId)> from;   // ways begin at these only
  // References that say nothing that another of the same object does not say better: skipped among further
  // ways.
  std::function<bool(NodeId holder, NodeId held)> redundant;
};

// Weak references are no part of any way. Borrows everything.
class RootPaths {
 public:
  RootPaths(const HeapGraph& graph, const Referrers& referrers, WaysOptions options);

  bool reaches(NodeId n) const { return distance_[index(n)] != kFar; }
  bool starts_at(NodeId n) const { return reaches(n) && before(n) == kNoNode; }
  // The object before `n` on the shortest way to it; kNoNode where the way starts at `n` or there is none.
  NodeId before(NodeId n) const { return before_[index(n)]; }
  std::vector<NodeId> shortest(NodeId to) const;  // from the start to the object itself; empty: none
  // At most `count` ways, the shortest first, none of which meets an object twice.
  std::vector<std::vector<NodeId>> shortest(NodeId to, std::size_t count) const;

  // Many objects whose shortest ways are alike: the same objects up to a collection, from there on the same
  // types.
  struct Group {
    NodeId example{};
    std::uint64_t objects = 0, bytes = 0;
    std::uint32_t merged_at =
        0;  // the first place in shortest(example) that stands for several; its length: none
  };
  // By objects, most first; those that nothing reaches are in none. `is_anonymous_collection`: has many
  // members that are alike, none of which has a name of its own.
  std::vector<Group> groups(const std::vector<NodeId>& targets,
                            const std::function<bool(NodeId)>& is_anonymous_collection) const;

 private:
  static constexpr std::uint32_t kFar = ~std::uint32_t{0};
  void spread(const std::vector<NodeId>& starts, std::uint32_t first);
  bool holds_strongly(NodeId holder, NodeId held) const;

  const HeapGraph& graph_;
  const Referrers& referrers_;
  const WaysOptions options_;
  std::vector<std::uint32_t> distance_;  // references from a start, those of lesser starts far more
  std::vector<NodeId> before_;
};

}  // namespace heapglass
