// The paths by which starts, such as modules and frames, reach an object: what keeps it alive, and through
// what.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/graph/graph.h"

namespace heapglass {

struct RootPathOptions {
  // Where paths begin, by how much they say: a start of a later list counts only where no path from an
  // earlier one leads. Within a list the shortest path wins, then the order of the list. At most three lists.
  std::vector<std::vector<NodeId>> starts;
  std::function<bool(NodeId)> avoid;  // no path goes through these
  // References that say nothing that another of the same object does not say better: left out of all paths
  // but the shortest.
  std::function<bool(NodeId referrer, NodeId referent)> redundant;
};

// Weak references are no part of any way. Borrows everything.
class RootPaths {
 public:
  RootPaths(const Graph& graph, const Referrers& referrers, RootPathOptions options);

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

  const Graph& graph_;
  const Referrers& referrers_;
  const RootPathOptions options_;
  std::vector<std::uint32_t> distance_;  // references from a start, those of lesser starts far more
  std::vector<NodeId> before_;
};

}  // namespace heapglass
