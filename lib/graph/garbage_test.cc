#include "lib/graph/garbage.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/graph/graph_text.h"

namespace heapglass {
namespace {

struct Found {
  std::set<std::string> unreachable, freed;
  std::size_t components = 0;
};

// Counts are the references of the text and one more for each name in `held`; `untracked` are on no list.
Found garbage_of(const std::string& text, const std::set<std::string>& held,
                 const std::set<std::string>& untracked = {}) {
  const NamedGraph g = graph_from_text(text);
  std::vector<std::uint64_t> counts(g.graph.nodes());
  for (const NodeId to : g.graph.referent) ++counts[index(to)];
  GarbageOptions options;
  options.collected.resize(g.graph.nodes(), true);
  for (const std::string& name : held) ++counts[index(g.node(name))];
  for (const std::string& name : untracked) options.collected[index(g.node(name))] = false;
  options.refcount = [&](NodeId n) { return counts[index(n)]; };
  options.immortal = [](NodeId) { return false; };
  const Garbage garbage = find_garbage(g.graph, options);
  Found out{.components = garbage.components.size()};
  for (const NodeId n : garbage.unreachable) out.unreachable.insert(g.name(n));
  for (const NodeId n : garbage.freed) out.freed.insert(g.name(n));
  return out;
}

using Names = std::set<std::string>;

TEST(Garbage, CyclesThatNobodyHolds) {
  const Found found = garbage_of("a -> b; b -> a; c -> d; d -> c; root -> c", {"root"});
  EXPECT_EQ(found.unreachable, (Names{"a", "b"}));
  EXPECT_EQ(found.components, 1u);
}

TEST(Garbage, WhatOneIsHeldByHoldsAll) {
  EXPECT_EQ(garbage_of("a -> b; b -> c; c -> a", {"c"}).unreachable, Names{});
}

TEST(Garbage, TakesWhatItAloneHoldsWithIt) {
  const Found found = garbage_of("a -> a text shared; root -> shared", {"root"}, {"text", "shared"});
  EXPECT_EQ(found.unreachable, (Names{"a"}));
  EXPECT_EQ(found.freed, (Names{"a", "text"}));
}

TEST(Garbage, UntrackedHoldersHold) {
  EXPECT_EQ(garbage_of("a -> b; b -> a; hidden -> a", {"hidden"}, {"hidden"}).unreachable, Names{});
}

TEST(Garbage, SeparateCyclesAreSeparateComponents) {
  EXPECT_EQ(garbage_of("a -> a; b -> c; c -> b", {}).components, 2u);
}

}  // namespace
}  // namespace heapglass
