#include "lib/graph/graph.h"

namespace heapglass {

Referrers reverse(const Graph& graph) {
  Referrers reversed;
  const std::uint32_t n = graph.nodes();
  reversed.first.assign(std::size_t{n} + 1, 0);
  for (const NodeId to : graph.referent) ++reversed.first[index(to) + std::size_t{1}];
  for (std::size_t i = 1; i <= n; ++i) reversed.first[i] += reversed.first[i - 1];
  reversed.referrer.resize(graph.referent.size());
  std::vector<std::uint64_t> next(reversed.first.begin(), reversed.first.end() - 1);
  for (std::uint32_t from = 0; from < n; ++from)
    for (const NodeId to : graph.referents(NodeId{from})) reversed.referrer[next[index(to)]++] = NodeId{from};
  return reversed;
}

}  // namespace heapglass
