#include "lib/export/fleet_rows.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(StableName, NumbersThatDifferFromProcessToProcessAreOne) {
  EXPECT_EQ(stable_name("app.cache"), "app.cache");
  EXPECT_EQ(stable_name("app.v2.cache3"), "app.v2.cache3");
  EXPECT_EQ(stable_name("app.pools[17].waiting"), "app.pools[*].waiting");
  EXPECT_EQ(stable_name("app.users['user 4711'].events"), "app.users['user *'].events");
  EXPECT_EQ(stable_name("app.users['it\\'s 4711']['a]b-1'].x2"), "app.users['it\\'s *']['a]b-*'].x2");
  EXPECT_EQ(stable_name("task Task-128 in handle (app.py)"), "task Task-* in handle (app.py)");
  EXPECT_EQ(stable_name("object at 0x7f12ab of app"), "object at * of app");
  EXPECT_EQ(stable_name("0x"), "0x");
  EXPECT_EQ(stable_name("["), "[");
  EXPECT_EQ(stable_name("['\\"), "['\\");
}

}  // namespace
}  // namespace heapglass
