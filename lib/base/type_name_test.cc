#include "lib/base/type_name.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(TypeMatches, FollowsTheRuleOfObjgraph) {
  EXPECT_TRUE(type_matches("app.models.User", "User"));
  EXPECT_TRUE(type_matches("app.models.User", "app.models.User"));
  EXPECT_FALSE(type_matches("app.models.User", "models.User"));
  EXPECT_TRUE(type_matches("builtins.dict", "dict"));
}

}  // namespace
}  // namespace heapglass
