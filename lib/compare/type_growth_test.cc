#include "lib/compare/type_growth.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TypeCount row(const std::string& type, std::uint64_t count, std::uint64_t bytes) {
  TypeCount out;
  out.type = type;
  out.count = count;
  out.bytes = bytes;
  return out;
}

TEST(TypeGrowth, JoinsByName) {
  const auto rows = type_growth({row("a", 1, 10), row("b", 2, 20), row("d", 4, 40)},
                                {row("b", 5, 50), row("c", 3, 30), row("d", 1, 10)});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].type, "a");
  EXPECT_EQ(rows[0].count_delta(), -1);
  EXPECT_EQ(rows[0].bytes_delta(), -10);
  EXPECT_EQ(rows[1].count_delta(), 3);
  EXPECT_EQ(rows[2].type, "c");
  EXPECT_EQ(rows[2].count_before, 0u);
  EXPECT_EQ(rows[3].count_delta(), -3);
}

TEST(TypeGrowth, OfNothingIsNothing) { EXPECT_TRUE(type_growth({}, {}).empty()); }

}  // namespace
}  // namespace heapglass
