#include "lib/heap/objgraph_walk.h"

#include <gtest/gtest.h>

#include "lib/graph/graph_text.h"

namespace heapglass {
namespace {

// A graph from text whose objects are all of one type that is not known further.
struct HeapOfText {
  explicit HeapOfText(std::string_view text) : named(graph_from_text(text)) {
    static_cast<Graph&>(graph) = std::move(named.graph);
    graph.types.push_back({.name = "test.Node"});
  }
  NodeId node(std::string_view name) const { return named.node(name); }
  const std::string& name(NodeId n) const { return named.name(n); }

  NamedGraph named;
  HeapGraph graph;
};

// Every object is listed, in the order of its first mention, but for those in `unlisted`.
CollectorNeighbours collector(const HeapOfText& g, const Referrers& referrers,
                              const std::string& unlisted = "") {
  std::vector<std::uint32_t> order(g.graph.nodes());
  for (std::uint32_t n = 0; n < order.size(); ++n)
    order[n] = g.name(NodeId{n}) == unlisted ? CollectorNeighbours::kNotListed : n;
  return CollectorNeighbours(g.graph, referrers, order);
}

std::string names(const HeapOfText& g, const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId n : nodes) text += (text.empty() ? "" : " ") + g.name(n);
  return text;
}

TEST(ObjgraphWalk, ReferrersAreListedObjectsEachOnce) {
  const HeapOfText g("a -> x x; b -> x; c -> x");
  const Referrers referrers = reverse(g.graph);
  EXPECT_EQ(names(g, collector(g, referrers).referrers(g.node("x"))), "a b c");
  EXPECT_EQ(names(g, collector(g, referrers, "b").referrers(g.node("x"))), "a c");
}

TEST(ObjgraphWalk, ReferentsCountAsOftenAsTheyAreHeld) {
  const HeapOfText g("a -> x x y");
  const Referrers referrers = reverse(g.graph);
  const CollectorNeighbours c = collector(g, referrers);
  const Neighbourhood around = objgraph_walk(c, {g.node("a")}, {.referrers = false, .too_many = 2});
  EXPECT_EQ(around.nodes.size(), 2u);  // x twice, then it is too many
  EXPECT_EQ(around.edges.size(), 2u);
  EXPECT_EQ(around.nodes[0].more, 1u);
}

TEST(ObjgraphWalk, WhatIsIgnoredIsNotCountedAndWhatStopsIsDrawn) {
  const HeapOfText g("a -> b c d; b -> e; c -> f");
  const Referrers referrers = reverse(g.graph);
  NeighbourhoodOptions how{.referrers = false, .max_depth = 9, .too_many = 2};
  how.ignore = [&](NodeId n) { return g.name(n) == "d"; };
  how.stop_at = [&](NodeId n) { return g.name(n) == "b"; };
  const Neighbourhood around = objgraph_walk(collector(g, referrers), {g.node("a")}, how);
  std::vector<NodeId> nodes;
  for (const auto& n : around.nodes) nodes.push_back(n.id);
  EXPECT_EQ(names(g, nodes), "a b c f");
  EXPECT_EQ(around.nodes[0].more, 0u);
  how.stop_at = [&](NodeId n) { return g.name(n) == "a"; };  // a start stops, too
  EXPECT_EQ(objgraph_walk(collector(g, referrers), {g.node("a")}, how).nodes.size(), 1u);
}

}  // namespace
}  // namespace heapglass
