// The walk of objgraph's _show_graph: breadth first, the first too_many neighbours of each object drawn in
// the order in which the collector names them, the others counted.
#pragma once

#include <functional>
#include <vector>

#include "lib/graph/neighbourhood.h"
#include "lib/heap/heap_graph.h"

namespace heapglass {

// What gc.get_referrers and gc.get_referents answer, from the graph.
class CollectorNeighbours {
 public:
  // `order`: by node, the place on the collector's lists, kNotListed where it is on none. All borrowed.
  static constexpr std::uint32_t kNotListed = ~std::uint32_t{0};
  CollectorNeighbours(const HeapGraph& graph, const Referrers& referrers, std::vector<std::uint32_t> order)
      : graph_(graph), referrers_(referrers), order_(std::move(order)) {}

  // Listed objects whose tp_traverse visits `node`, each once, in the lists' order.
  std::vector<NodeId> referrers(NodeId node) const;
  // What its tp_traverse visits, with multiplicity: those of lists and tuples from the last item on.
  std::vector<NodeId> referents(NodeId node) const;

 private:
  const HeapGraph& graph_;
  const Referrers& referrers_;
  const std::vector<std::uint32_t> order_;
};

// Of `options`, rank and connect do not count. A neighbour that is named twice is an edge twice.
Neighbourhood objgraph_walk(const CollectorNeighbours& collector, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options);

}  // namespace heapglass
