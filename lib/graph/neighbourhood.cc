#include "lib/graph/neighbourhood.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace heapglass {

Neighbourhood neighbourhood(const Graph& graph, const Referrers& referrers, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options) {
  Neighbourhood out;
  std::unordered_map<std::uint32_t, std::uint32_t> place;
  auto add = [&](NodeId id, int depth) {
    const auto [at, is_new] = place.try_emplace(index(id), static_cast<std::uint32_t>(out.nodes.size()));
    if (is_new) out.nodes.push_back({id, depth, 0});
    return at->second;
  };
  for (const NodeId start : starts) add(start, 0);
  auto connect = [&](std::uint32_t i, std::uint32_t other) {
    out.edges.push_back(options.referrers ? Neighbourhood::Edge{other, i} : Neighbourhood::Edge{i, other});
  };
  std::vector<NodeId> neighbours;
  std::vector<std::uint32_t> frontier;  // drawn, not followed
  for (std::uint32_t i = 0; i < out.nodes.size(); ++i) {
    const Neighbourhood::Node node = out.nodes[i];
    if (node.depth > 0 && options.stop_at && options.stop_at(node.id)) continue;
    if (node.depth >= options.max_depth) {
      frontier.push_back(i);
      continue;
    }
    neighbours.clear();
    std::unordered_set<std::uint32_t> seen;
    for (const NodeId n : options.referrers ? referrers.of(node.id) : graph.referents(node.id))
      if (seen.insert(index(n)).second && !(options.ignore && options.ignore(n))) neighbours.push_back(n);
    // What is drawn already costs nothing more.
    std::stable_partition(neighbours.begin(), neighbours.end(),
                          [&](NodeId n) { return place.count(index(n)) > 0; });
    if (options.rank) {
      std::unordered_map<std::uint32_t, int> ranks;
      for (const NodeId n : neighbours) ranks[index(n)] = options.rank(node.id, n);
      const std::size_t before = neighbours.size();
      std::erase_if(neighbours, [&](NodeId n) { return ranks[index(n)] < 0; });
      out.nodes[i].more += before - neighbours.size();
      std::stable_sort(neighbours.begin(), neighbours.end(),
                       [&](NodeId a, NodeId b) { return ranks[index(a)] < ranks[index(b)]; });
    }
    std::size_t shown = 0;
    for (const NodeId n : neighbours) {
      const bool known = place.count(index(n)) > 0;
      if (shown >= options.too_many || (!known && out.nodes.size() >= options.most_nodes)) {
        ++out.nodes[i].more;
        continue;
      }
      ++shown;
      connect(i, add(n, node.depth + 1));
    }
  }
  if (!options.connect) return out;
  for (const std::uint32_t i : frontier) {
    std::unordered_set<std::uint32_t> seen;
    for (const NodeId n :
         options.referrers ? referrers.of(out.nodes[i].id) : graph.referents(out.nodes[i].id)) {
      const auto at = place.find(index(n));
      if (at != place.end() && seen.insert(at->second).second) connect(i, at->second);
    }
  }
  return out;
}

}  // namespace heapglass
