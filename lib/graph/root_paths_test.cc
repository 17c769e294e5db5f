#include "lib/graph/root_paths.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "lib/graph/graph_text.h"

namespace heapglass {
namespace {

std::string text_of(const NamedGraph& g, const std::vector<NodeId>& path) {
  std::string text;
  for (const NodeId n : path) text += (text.empty() ? "" : " ") + g.name(n);
  return text;
}

std::vector<std::string> paths_to(const NamedGraph& g, const std::string& to, std::size_t count,
                                  RootPathOptions options) {
  const Referrers referrers = reverse(g.graph);
  const RootPaths root_paths(g.graph, referrers, std::move(options));
  std::vector<std::string> out;
  for (const auto& path : root_paths.shortest(g.node(to), count)) out.push_back(text_of(g, path));
  return out;
}

TEST(RootPaths, ShortestFirst) {
  const NamedGraph g = graph_from_text("app -> a b; a -> x; b -> c; c -> x; x -> y; y -> x");
  EXPECT_EQ(paths_to(g, "x", 5, {.starts = {{g.node("app")}}}),
            (std::vector<std::string>{"app a x", "app b c x"}));
  EXPECT_EQ(paths_to(g, "x", 1, {.starts = {{g.node("app")}}}), (std::vector<std::string>{"app a x"}));
  EXPECT_EQ(paths_to(g, "app", 3, {.starts = {{g.node("app")}}}), (std::vector<std::string>{"app"}));
}

TEST(RootPaths, AvoidAndFrom) {
  const NamedGraph g = graph_from_text("app -> a b; a -> x; b -> c; c -> x; other -> x");
  const NodeId a = g.node("a"), b = g.node("b");
  EXPECT_EQ(paths_to(g, "x", 5, {.starts = {{g.node("app")}}, .avoid = [a](NodeId n) { return n == a; }}),
            (std::vector<std::string>{"app b c x"}));
  EXPECT_EQ(paths_to(g, "x", 5, {.starts = {{b}}}), (std::vector<std::string>{"b c x"}));
}

TEST(RootPaths, WhatIsHeldFromOutsideComesLast) {
  const NamedGraph g = graph_from_text("app -> a; a -> b; b -> x; c -> x; c -> lone; g1 -> g2; g2 -> g1");
  std::vector<bool> held(g.graph.nodes());
  held[index(g.node("c"))] = true;
  EXPECT_EQ(paths_to(g, "x", 1, {.starts = {{g.node("app")}, {}, {g.node("c")}}}),
            (std::vector<std::string>{"app a b x"}));
  EXPECT_EQ(paths_to(g, "lone", 1, {.starts = {{g.node("app")}, {}, {g.node("c")}}}),
            (std::vector<std::string>{"c lone"}));
  EXPECT_EQ(paths_to(g, "g1", 1, {.starts = {{g.node("app")}, {}, {g.node("c")}}}),
            (std::vector<std::string>{}));
}

// All ways without repetition, found by trying everything.
void all_paths(const NamedGraph& g, NodeId at, NodeId to, std::vector<NodeId>& path,
               const std::vector<bool>& start, std::multiset<std::size_t>& lengths) {
  if (at == to) {
    lengths.insert(path.size());
    return;
  }
  std::set<NodeId> next(g.graph.referents(at).begin(), g.graph.referents(at).end());
  for (const NodeId n : next) {
    if (std::find(path.begin(), path.end(), n) != path.end() || start[index(n)]) continue;
    path.push_back(n);
    all_paths(g, n, to, path, start, lengths);
    path.pop_back();
  }
}

TEST(RootPaths, AreTheShortestOfAllOnRandomGraphs) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const unsigned nodes = 3 + random() % 7;
    std::string text;
    for (unsigned n = 0; n < nodes; ++n) {
      text += (n ? "; n" : "n") + std::to_string(n) + " ->";
      for (unsigned e = random() % 4; e > 0; --e) text += " n" + std::to_string(random() % nodes);
    }
    const NamedGraph g = graph_from_text(text);
    std::vector<bool> start(g.graph.nodes());
    start[0] = true;
    for (std::uint32_t to = 1; to < g.graph.nodes(); ++to) {
      std::multiset<std::size_t> expected;
      std::vector<NodeId> path{NodeId{0}};
      all_paths(g, NodeId{0}, NodeId{to}, path, start, expected);
      const auto found = paths_to(g, g.name(NodeId{to}), 4, {.starts = {{NodeId{0}}}});
      std::vector<std::size_t> lengths;
      for (const auto& w : found)
        lengths.push_back(static_cast<std::size_t>(1 + std::count(w.begin(), w.end(), ' ')));
      std::vector<std::size_t> best(expected.begin(), expected.end());
      best.resize(std::min<std::size_t>(best.size(), 4));
      EXPECT_EQ(lengths, best) << text << " to " << to;
      EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), found.size()) << text;
    }
  }
}

TEST(RootPaths, AlikeOnesAreOneGroup) {
  const NamedGraph g = graph_from_text(
      "app -> cache lone; cache -> s1 s2 s3; s1 -> h1; s2 -> h2; s3 -> h3; lone -> h4; far -> h5");
  const Referrers referrers = reverse(g.graph);
  const RootPaths root_paths(g.graph, referrers, {.starts = {{g.node("app")}}});
  std::vector<NodeId> targets;
  for (const char* name : {"h1", "h2", "h3", "h4", "h5"}) targets.push_back(g.node(name));
  const auto groups = root_paths.groups(targets, [&](NodeId n) { return n == g.node("cache"); });
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].objects, 3u);
  EXPECT_EQ(groups[0].merged_at, 2u);  // app, cache, then any of the three
  EXPECT_EQ(groups[0].bytes, 48u);
  EXPECT_EQ(groups[1].objects, 1u);
  EXPECT_EQ(groups[1].example, g.node("h4"));
  EXPECT_EQ(groups[1].merged_at, 3u);
}

TEST(RootPaths, LongChainsAreWalkedAtOnce) {
  std::string text = "n0 -> n1";
  for (int i = 1; i < 200'000; ++i) text += "; n" + std::to_string(i) + " -> n" + std::to_string(i + 1);
  const NamedGraph g = graph_from_text(text);
  const Referrers referrers = reverse(g.graph);
  const RootPaths root_paths(g.graph, referrers, {.starts = {{NodeId{0}}}});
  EXPECT_EQ(root_paths.shortest(NodeId{200'000}, 3).size(), 1u);
  EXPECT_EQ(root_paths.shortest(NodeId{200'000}).size(), 200'001u);
}

}  // namespace
}  // namespace heapglass
