// Walking down the dominator tree: what an object alone keeps alive, the most first.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/dominators.h"

namespace heapglass {

class DominatorWalk {
 public:
  // Borrows the dominators.
  DominatorWalk(const Graph& graph, const Dominators& dominators);

  // What `n` alone keeps, without what those keep in turn, most retained bytes first; of kNoNode those that
  // no single object keeps.
  std::vector<NodeId> retained_by_set(NodeId n) const;

  struct Step {
    NodeId node{};            // kNoNode: those of the same holder that are not shown
    unsigned depth = 0;       // below the start
    std::uint64_t more = 0;   // how many these are
    std::uint64_t bytes = 0;  // retained
  };
  // From the starts down `depth` levels, at most `most` of each holder (0: all); each holder before what it
  // keeps.
  std::vector<Step> walk(const std::vector<NodeId>& starts, unsigned depth, std::size_t most) const;

 private:
  const Dominators& dominators_;
  std::vector<std::uint64_t> first_;  // by node; the last but one entry: of those that nobody keeps alone
  std::vector<NodeId> kept_;
};

}  // namespace heapglass
