#include "lib/graph/dominators.h"

#include <gtest/gtest.h>

#include <random>

#include "lib/graph/graph_text.h"

namespace heapglass {
namespace {

std::vector<bool> only(const NamedGraph& g, std::initializer_list<const char*> names) {
  std::vector<bool> held(g.graph.nodes());
  for (const char* name : names) held[index(g.node(name))] = true;
  return held;
}

TEST(Dominators, OfADiamondIsItsTop) {
  const NamedGraph g = graph_from_text("root -> a b; a -> c; b -> c; c -> d");
  const Dominators d(g.graph, only(g, {"root"}));
  EXPECT_EQ(d.dominator(g.node("c")), g.node("root"));
  EXPECT_EQ(d.dominator(g.node("d")), g.node("c"));
  EXPECT_EQ(d.dominator(g.node("root")), kNoNode);
  EXPECT_EQ(d.retained_bytes(g.node("root")), 5 * 16u);
  EXPECT_EQ(d.retained_bytes(g.node("a")), 16u);
  EXPECT_EQ(d.retained_objects(g.node("c")), 2u);
}

TEST(Dominators, WhatTwoRootsHoldIsNobodys) {
  const NamedGraph g = graph_from_text("one -> shared; two -> shared; shared -> leaf");
  const Dominators d(g.graph, only(g, {"one", "two"}));
  EXPECT_EQ(d.dominator(g.node("shared")), kNoNode);
  EXPECT_EQ(d.retained_bytes(g.node("one")), 16u);
  EXPECT_EQ(d.retained_bytes(g.node("shared")), 32u);
}

TEST(Dominators, HeldInTheMiddle) {
  const NamedGraph g = graph_from_text("root -> a; a -> b; b -> c");
  const Dominators d(g.graph, only(g, {"root", "b"}));
  EXPECT_EQ(d.dominator(g.node("b")), kNoNode);
  EXPECT_EQ(d.retained_bytes(g.node("root")), 32u);
}

TEST(Dominators, GarbageHangsFromItsFirst) {
  const NamedGraph g = graph_from_text("root -> a; x -> y; y -> x");
  const Dominators d(g.graph, only(g, {"root"}));
  EXPECT_EQ(d.unreached(), 2u);
  EXPECT_EQ(d.retained_bytes(g.node("x")), 32u);
  EXPECT_EQ(d.dominator(g.node("y")), g.node("x"));
}

// However deep: nothing recurses.
TEST(Dominators, DeepChain) {
  std::string text = "n0 -> n1";
  for (int i = 1; i < 300'000; ++i) text += "; n" + std::to_string(i) + " -> n" + std::to_string(i + 1);
  const NamedGraph g = graph_from_text(text);
  std::vector<bool> held(g.graph.nodes());
  held[0] = true;
  const Dominators d(g.graph, held);
  EXPECT_EQ(d.retained_objects(NodeId{0}), 300'001u);
  EXPECT_EQ(d.retained_objects(NodeId{299'999}), 2u);
}

// By the definition: what is no longer reached when an object is taken away is what it dominates.
TEST(Dominators, AreThoseOfTheDefinitionOnRandomGraphs) {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    const unsigned nodes = 2 + random() % 24;
    std::string text;
    for (unsigned n = 0; n < nodes; ++n) {
      text += (n ? "; n" : "n") + std::to_string(n) + " ->";
      for (unsigned e = random() % 4; e > 0; --e) text += " n" + std::to_string(random() % nodes);
    }
    const NamedGraph g = graph_from_text(text);
    const std::uint32_t count = g.graph.nodes();
    std::vector<bool> held(count);
    for (unsigned i = 0; i < 1 + random() % 3; ++i) held[random() % count] = true;
    // Reached from what is held, past `without`.
    const auto reached = [&](std::uint32_t without) {
      std::vector<bool> met(count);
      std::vector<std::uint32_t> todo;
      auto meet = [&](std::uint32_t n) {
        if (n == without || met[n]) return;
        met[n] = true;
        todo.push_back(n);
      };
      for (std::uint32_t n = 0; n < count; ++n)
        if (held[n]) meet(n);
      while (!todo.empty()) {
        const NodeId n{todo.back()};
        todo.pop_back();
        for (const NodeId to : g.graph.referents(n)) meet(index(to));
      }
      return met;
    };
    const std::vector<bool> all = reached(~0u);
    const Dominators d(g.graph, held);
    for (std::uint32_t n = 0; n < count; ++n) {
      if (!all[n]) continue;
      const std::vector<bool> without = reached(n);
      std::uint64_t lost = 0;
      for (std::uint32_t m = 0; m < count; ++m) lost += all[m] && !without[m];
      EXPECT_EQ(d.retained_objects(NodeId{n}), lost) << text << " at " << g.name(NodeId{n});
      EXPECT_EQ(d.retained_bytes(NodeId{n}), lost * 16) << text;
    }
  }
}

TEST(Dominators, RowsCountWhatTheyHoldOnce) {
  const NamedGraph g = graph_from_text("root -> a; a -> b; b -> c");
  const Dominators d(g.graph, only(g, {"root"}));
  const std::vector<std::uint32_t> row_of(1, 0);
  EXPECT_EQ(d.retained_by(g.graph, row_of, 1), (std::vector<std::uint64_t>{4 * 16}));
}

}  // namespace
}  // namespace heapglass
