#include "lib/heap/objgraph_walk.h"

#include <algorithm>
#include <unordered_map>

#include "lib/python/objects.h"
#include "lib/python/types.h"

namespace heapglass {

std::vector<NodeId> CollectorNeighbours::referrers(NodeId node) const {
  const std::span<const NodeId> all = referrers_.of(node);
  std::vector<NodeId> out(all.begin(), all.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  std::erase_if(out, [&](NodeId holder) {
    if (order_[index(holder)] == kNotListed) return true;
    const std::uint64_t first = graph_.first_edge[index(holder)];
    const std::span<const NodeId> held = graph_.referents(holder);
    for (std::size_t i = 0; i < held.size(); ++i)
      if (held[i] == node && graph_.edge_class[first + i] == EdgeClass::kVisited) return false;
    return true;
  });
  std::sort(out.begin(), out.end(), [&](NodeId a, NodeId b) { return order_[index(a)] < order_[index(b)]; });
  return out;
}

std::vector<NodeId> CollectorNeighbours::referents(NodeId node) const {
  std::vector<NodeId> out;
  const std::uint64_t first = graph_.first_edge[index(node)];
  const std::span<const NodeId> held = graph_.referents(node);
  for (std::size_t i = 0; i < held.size(); ++i)
    if (graph_.edge_class[first + i] == EdgeClass::kVisited) out.push_back(held[i]);
  // list_traverse and tupletraverse count down.
  const TypeInfo* type = graph_.types[graph_.type[index(node)]].info;
  if (type && type->flags & (kTpListSubclass | kTpTupleSubclass)) std::reverse(out.begin(), out.end());
  return out;
}

Neighbourhood objgraph_walk(const CollectorNeighbours& collector, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options) {
  Neighbourhood out;
  std::unordered_map<std::uint32_t, std::uint32_t> place;
  auto add = [&](NodeId id, int depth) {
    const auto [at, is_new] = place.try_emplace(index(id), static_cast<std::uint32_t>(out.nodes.size()));
    if (is_new) out.nodes.push_back({id, depth, 0});
    return at->second;
  };
  for (const NodeId start : starts) add(start, 0);
  for (std::uint32_t i = 0; i < out.nodes.size(); ++i) {
    const Neighbourhood::Node node = out.nodes[i];
    if (node.depth >= options.max_depth) continue;
    if (options.stop_at && options.stop_at(node.id)) continue;
    std::size_t drawn = 0;
    for (const NodeId n : options.referrers ? collector.referrers(node.id) : collector.referents(node.id)) {
      if (options.ignore && options.ignore(n)) continue;
      if (drawn >= options.too_many || (out.nodes.size() >= options.most_nodes && !place.count(index(n)))) {
        ++out.nodes[i].more;
        continue;
      }
      ++drawn;
      const std::uint32_t other = add(n, node.depth + 1);
      out.edges.push_back(options.referrers ? Neighbourhood::Edge{other, i} : Neighbourhood::Edge{i, other});
    }
  }
  return out;
}

}  // namespace heapglass
