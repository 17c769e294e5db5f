// The part of the graph around some objects: who holds them, or whom they hold.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/graph/graph.h"

namespace heapglass {

struct NeighbourhoodOptions {
  bool referrers = true;  // follow who holds; else who is held
  int max_depth = 3;
  std::size_t too_many = 10;            // neighbours of one object that are shown; the others are counted
  std::size_t most_nodes = 200;         // then what is found later is counted only
  std::function<bool(NodeId)> stop_at;  // drawn but not followed
  std::function<bool(NodeId)> ignore;   // not drawn at all
  // Which neighbours of `node` come first, 0 before 1; below 0: counted, not drawn. Without it: those that
  // are drawn already, then by address.
  std::function<int(NodeId node, NodeId neighbour)> rank;
  // References between drawn objects are drawn even where a search of max_depth does not follow them.
  bool connect = true;
};

struct Neighbourhood {
  struct Node {
    NodeId id{};
    int depth = 0;
    std::uint64_t more = 0;  // neighbours not shown
  };
  struct Edge {
    std::uint32_t from = 0, to = 0;  // holder, held: indexes of nodes
  };
  std::vector<Node> nodes;  // breadth first, the starts first
  std::vector<Edge> edges;  // each pair once
};

// `referrers` may be empty where options.referrers is false.
Neighbourhood neighbourhood(const Graph& graph, const Referrers& referrers, const std::vector<NodeId>& starts,
                            const NeighbourhoodOptions& options);

}  // namespace heapglass
