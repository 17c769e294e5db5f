#include "lib/threads/thread_waits.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

using Circles = std::vector<std::vector<std::size_t>>;

TEST(Circles, AreFoundOnceEach) {
  EXPECT_EQ(find_circles({{1}, {0}}), (Circles{{0, 1}}));
  EXPECT_EQ(find_circles({{0}}), (Circles{{0}}));
  EXPECT_EQ(find_circles({{1}, {2}, {0}, {0}}), (Circles{{0, 1, 2}}));
  EXPECT_EQ(find_circles({{1}, {0}, {3}, {2}}), (Circles{{0, 1}, {2, 3}}));
}

TEST(Circles, WhoMerelyWaitsIsInNone) {
  EXPECT_TRUE(find_circles({{1}, {2}, {}}).empty());
  EXPECT_EQ(find_circles({{1}, {2}, {1}}), (Circles{{1, 2}}));
}

// Where it is not known who of several has it.
TEST(Circles, TheShortestOfSeveral) {
  EXPECT_EQ(find_circles({{1, 2}, {2}, {0}}), (Circles{{0, 2}, {1, 2, 0}}));
}

}  // namespace
}  // namespace heapglass
