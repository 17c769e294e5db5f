#include "lib/graph/graph.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>

#include "lib/graph/graph_text.h"
#include "lib/graph/verify.h"

namespace heapglass {
namespace {

TEST(Reverse, TurnsEveryReferenceAround) {
  const NamedGraph g = graph_from_text("a -> b c b; b -> c; c -> a; d");
  verify(g.graph, 1);
  const Referrers r = reverse(g.graph);
  auto names = [&](std::string_view of) {
    std::multiset<std::string> out;
    for (const NodeId n : r.of(g.node(of))) out.insert(g.name(n));
    return out;
  };
  EXPECT_EQ(names("a"), (std::multiset<std::string>{"c"}));
  EXPECT_EQ(names("b"), (std::multiset<std::string>{"a", "a"}));
  EXPECT_EQ(names("c"), (std::multiset<std::string>{"a", "b"}));
  EXPECT_TRUE(names("d").empty());
}

TEST(Verify, NoticesWhatIsWrong) {
  NamedGraph g = graph_from_text("a -> b; b -> a");
  EXPECT_NO_THROW(verify(g.graph, 1));
  g.graph.referent[0] = NodeId{17};
  EXPECT_THROW(verify(g.graph, 1), std::logic_error);
  g = graph_from_text("a -> b; b -> a");
  g.graph.type[1] = 5;
  EXPECT_THROW(verify(g.graph, 1), std::logic_error);
  g = graph_from_text("a -> b; b -> a");
  g.graph.first_edge[1] = 9;
  EXPECT_THROW(verify(g.graph, 1), std::logic_error);
}

}  // namespace
}  // namespace heapglass
