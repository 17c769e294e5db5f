#include "lib/heap/verify.h"

#include "lib/graph/verify.h"

namespace heapglass {

void verify(const HeapGraph& graph) {
  const std::uint32_t n = graph.index->count();
  require_of_graph(graph.nodes() == n, "a type for each object");
  verify(graph, graph.types.size());
  for (std::size_t t = 1; t < graph.types.size(); ++t)
    require_of_graph(graph.types[t - 1].name <= graph.types[t].name, "types in order of name");
  for (const GraphRoot& root : graph.roots) require_of_graph(index(root.node) < n, "roots that exist");
  // Address to id and back, for a thousand of them.
  for (std::uint32_t i = 0, step = n / 1000 + 1; i < n; i += step)
    require_of_graph(graph.index->find(graph.index->address(NodeId{i})) == NodeId{i},
                     "addresses that lead back");
}

}  // namespace heapglass
