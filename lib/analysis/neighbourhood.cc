#include "lib/analysis/neighbourhood.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace heapglass {

Neighbourhood neighbourhood(const HeapGraph& graph, const Referrers& referrers, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options) {
  Neighbourhood out;
  std::unordered_map<std::uint32_t, std::uint32_t> place;
  auto add = [&](NodeId id, int depth) {
    const auto [at, is_new] = place.try_emplace(index(id), static_cast<std::uint32_t>(out.nodes.size()));
    if (is_new) out.nodes.push_back({id, depth, 0});
    return at->second;
  };
  for (const NodeId start : starts) add(start, 0);
  std::vector<NodeId> neighbours;
  for (std::uint32_t i = 0; i < out.nodes.size(); ++i) {
    const Neighbourhood::Node node = out.nodes[i];
    if (node.depth >= options.max_depth || (node.depth > 0 && options.stop_at && options.stop_at(node.id))) continue;
    neighbours.clear();
    std::unordered_set<std::uint32_t> seen;
    for (const NodeId n : options.referrers ? referrers.of(node.id) : graph.referents(node.id))
      if (seen.insert(index(n)).second && !(options.ignore && options.ignore(n))) neighbours.push_back(n);
    // What is drawn already costs nothing more; then those that come first in memory.
    std::stable_partition(neighbours.begin(), neighbours.end(), [&](NodeId n) { return place.count(index(n)) > 0; });
    std::size_t shown = 0;
    for (const NodeId n : neighbours) {
      const bool known = place.count(index(n)) > 0;
      if (shown >= options.too_many || (!known && out.nodes.size() >= options.most_nodes)) {
        ++out.nodes[i].more;
        continue;
      }
      ++shown;
      const std::uint32_t other = add(n, node.depth + 1);
      out.edges.push_back(options.referrers ? Neighbourhood::Edge{other, i} : Neighbourhood::Edge{i, other});
    }
  }
  return out;
}

}  // namespace heapglass
