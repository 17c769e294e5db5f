#include "lib/base/edit_distance.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("histogram", "histgram"), 1u);
  EXPECT_EQ(edit_distance("backrefs", "backerfs"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(NearNames, FindsTyposAndTailsNearestFirst) {
  const std::vector<std::string> names{"app.Session", "app.Sessions", "builtins.dict", "other.Session"};
  EXPECT_EQ(near_names("Sesion", names, 3),
            (std::vector<std::string>{"app.Session", "other.Session", "app.Sessions"}));
  EXPECT_EQ(near_names("wrong.Session", names, 2),
            (std::vector<std::string>{"app.Session", "other.Session"}));
  EXPECT_TRUE(near_names("zzzzzz", names, 3).empty());
}

TEST(DidYouMean, ReadsAsASentence) {
  EXPECT_EQ(did_you_mean({}), "");
  EXPECT_EQ(did_you_mean({"a"}), "did you mean a?");
  EXPECT_EQ(did_you_mean({"a", "b", "c"}), "did you mean a, b or c?");
}

}  // namespace
}  // namespace heapglass
