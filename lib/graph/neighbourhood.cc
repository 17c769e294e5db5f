#include "lib/graph/neighbourhood.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace heapglass {

namespace {

class NeighbourhoodSearch {
 public:
  NeighbourhoodSearch(const Graph& graph, const Referrers& referrers, const NeighbourhoodOptions& options)
      : graph_(graph), referrers_(referrers), options_(options) {}

  void start_at(const std::vector<NodeId>& starts) {
    for (const NodeId start : starts) add(start, 0);
  }
  void follow_all();
  void connect_frontier();
  Neighbourhood result() { return std::move(out_); }

 private:
  std::uint32_t add(NodeId id, int depth) {
    const auto [at, is_new] = place_.try_emplace(index(id), static_cast<std::uint32_t>(out_.nodes.size()));
    if (is_new) out_.nodes.push_back({id, depth, 0});
    return at->second;
  }
  bool is_drawn(NodeId n) const { return place_.count(index(n)) > 0; }
  std::span<const NodeId> next_to(NodeId n) const {
    return options_.referrers ? referrers_.of(n) : graph_.referents(n);
  }
  void connect(std::uint32_t i, std::uint32_t other) {
    out_.edges.push_back(options_.referrers ? Neighbourhood::Edge{other, i} : Neighbourhood::Edge{i, other});
  }
  std::vector<NodeId> neighbours_of(NodeId node) const;
  std::uint64_t put_in_rank(NodeId node, std::vector<NodeId>& neighbours) const;
  void follow(std::uint32_t i);

  const Graph& graph_;
  const Referrers& referrers_;
  const NeighbourhoodOptions& options_;
  Neighbourhood out_;
  std::unordered_map<std::uint32_t, std::uint32_t> place_;
  std::vector<std::uint32_t> frontier_;  // drawn, not followed
};

// Each once, those that are drawn already first: they cost no further node.
std::vector<NodeId> NeighbourhoodSearch::neighbours_of(NodeId node) const {
  std::vector<NodeId> neighbours;
  std::unordered_set<std::uint32_t> seen;
  for (const NodeId n : next_to(node))
    if (seen.insert(index(n)).second && !(options_.ignore && options_.ignore(n))) neighbours.push_back(n);
  std::stable_partition(neighbours.begin(), neighbours.end(), [&](NodeId n) { return is_drawn(n); });
  return neighbours;
}

// Returns how many are counted only.
std::uint64_t NeighbourhoodSearch::put_in_rank(NodeId node, std::vector<NodeId>& neighbours) const {
  std::unordered_map<std::uint32_t, int> ranks;
  for (const NodeId n : neighbours) ranks[index(n)] = options_.rank(node, n);
  const std::size_t counted_only = std::erase_if(neighbours, [&](NodeId n) { return ranks[index(n)] < 0; });
  std::stable_sort(neighbours.begin(), neighbours.end(),
                   [&](NodeId a, NodeId b) { return ranks[index(a)] < ranks[index(b)]; });
  return counted_only;
}

void NeighbourhoodSearch::follow(std::uint32_t i) {
  const Neighbourhood::Node node = out_.nodes[i];
  std::vector<NodeId> neighbours = neighbours_of(node.id);
  if (options_.rank) out_.nodes[i].more += put_in_rank(node.id, neighbours);
  std::size_t shown = 0;
  for (const NodeId n : neighbours) {
    const bool no_room = !is_drawn(n) && out_.nodes.size() >= options_.most_nodes;
    if (shown >= options_.too_many || no_room) {
      ++out_.nodes[i].more;
      continue;
    }
    ++shown;
    connect(i, add(n, node.depth + 1));
  }
}

void NeighbourhoodSearch::follow_all() {
  for (std::uint32_t i = 0; i < out_.nodes.size(); ++i) {
    const Neighbourhood::Node& node = out_.nodes[i];
    if (node.depth > 0 && options_.stop_at && options_.stop_at(node.id)) continue;
    if (node.depth >= options_.max_depth)
      frontier_.push_back(i);
    else
      follow(i);
  }
}

void NeighbourhoodSearch::connect_frontier() {
  for (const std::uint32_t i : frontier_) {
    std::unordered_set<std::uint32_t> seen;
    for (const NodeId n : next_to(out_.nodes[i].id)) {
      const auto at = place_.find(index(n));
      if (at != place_.end() && seen.insert(at->second).second) connect(i, at->second);
    }
  }
}

}  // namespace

Neighbourhood neighbourhood(const Graph& graph, const Referrers& referrers, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options) {
  NeighbourhoodSearch search(graph, referrers, options);
  search.start_at(starts);
  search.follow_all();
  if (options.connect) search.connect_frontier();
  return search.result();
}

}  // namespace heapglass
