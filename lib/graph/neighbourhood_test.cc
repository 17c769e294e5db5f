#include "lib/graph/neighbourhood.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/graph/graph_text.h"

namespace heapglass {
namespace {

struct Drawn {
  std::set<std::string> nodes, edges;
  std::uint64_t more = 0;
};

Drawn draw(const NamedGraph& g, const std::string& start, NeighbourhoodOptions options) {
  const Neighbourhood n = neighbourhood(g.graph, reverse(g.graph), {g.node(start)}, options);
  Drawn out;
  for (const auto& node : n.nodes) {
    out.nodes.insert(g.name(node.id));
    out.more += node.more;
  }
  for (const auto& e : n.edges) out.edges.insert(g.name(n.nodes[e.from].id) + ">" + g.name(n.nodes[e.to].id));
  return out;
}

const char kChain[] =
    "module -> globals; globals -> cache events; cache -> session; events -> list; list -> session";

TEST(Neighbourhood, FollowsHoldersToTheDepth) {
  const NamedGraph g = graph_from_text(kChain);
  const Drawn one = draw(g, "session", {.max_depth = 1});
  EXPECT_EQ(one.nodes, (std::set<std::string>{"session", "cache", "list"}));
  const Drawn two = draw(g, "session", {.max_depth = 2});
  EXPECT_EQ(two.nodes, (std::set<std::string>{"session", "cache", "list", "globals", "events"}));
  // globals is drawn, so is what it holds of what is drawn.
  EXPECT_TRUE(two.edges.count("globals>events"));
  EXPECT_FALSE(draw(g, "session", {.max_depth = 2, .connect = false}).edges.count("globals>events"));
}

TEST(Neighbourhood, FollowsReferents) {
  const Drawn d = draw(graph_from_text(kChain), "globals", {.referrers = false, .max_depth = 1});
  EXPECT_EQ(d.edges, (std::set<std::string>{"globals>cache", "globals>events"}));
}

TEST(Neighbourhood, CountsWhatItDoesNotDraw) {
  const NamedGraph g = graph_from_text("a -> x; b -> x; c -> x; d -> x; d -> a");
  const Drawn d = draw(g, "x", {.max_depth = 1, .too_many = 3});
  EXPECT_EQ(d.nodes.size(), 4u);
  EXPECT_EQ(d.more, 1u);
  const Drawn few = draw(g, "x", {.max_depth = 3, .most_nodes = 2});
  EXPECT_EQ(few.nodes.size(), 2u);
}

TEST(Neighbourhood, StopsIgnoresAndRanks) {
  const NamedGraph g = graph_from_text(kChain);
  const Drawn stopped =
      draw(g, "session", {.max_depth = 9, .stop_at = [&](NodeId n) { return g.name(n) == "globals"; }});
  EXPECT_FALSE(stopped.nodes.count("module"));
  const Drawn ignored =
      draw(g, "session", {.max_depth = 9, .ignore = [&](NodeId n) { return g.name(n) == "cache"; }});
  EXPECT_FALSE(ignored.nodes.count("cache"));
  EXPECT_EQ(ignored.more, 0u);
  const Drawn ranked =
      draw(g, "session",
           {.max_depth = 9, .rank = [&](NodeId, NodeId n) { return g.name(n) == "cache" ? -1 : 0; }});
  EXPECT_FALSE(ranked.nodes.count("cache"));
  EXPECT_EQ(ranked.more, 1u);
}

TEST(Neighbourhood, EndsInCycles) {
  const Drawn d = draw(graph_from_text("a -> b; b -> a; a -> a"), "a", {.max_depth = 1000});
  EXPECT_EQ(d.nodes.size(), 2u);
}

}  // namespace
}  // namespace heapglass
