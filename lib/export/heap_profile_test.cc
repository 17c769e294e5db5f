#include "lib/export/heap_profile.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(StableFrame, HasNoLengthsAddressesOrNumbersOfKeys) {
  EXPECT_EQ(stable_frame("cache (dict of 5,000)"), "cache (dict)");
  EXPECT_EQ(stable_frame("list of 3"), "list");
  EXPECT_EQ(stable_frame("task Task-17 (coroutine of 2)"), "task Task-* (coroutine)");
  EXPECT_EQ(stable_frame("users['user 4711']"), "users['user *']");
  EXPECT_EQ(stable_frame("frame of handle"), "frame of handle");
  EXPECT_EQ(stable_frame("list of 3 of 4 x"), "list of 3 of 4 x");
  EXPECT_EQ(stable_frame("app.v2.Session"), "app.v2.Session");
  EXPECT_EQ(stable_frame(std::string(199, 'x') + "\xc3\xa9" + std::string(50, 'y')),
            std::string(199, 'x') + "...");
}

// Bytes and objects stay, whatever is folded or cut.
TEST(BoundedProfile, KeepsItsSums) {
  Profile profile{.name = "p",
                  .unit = "bytes",
                  .frames = {"module a", "cache (dict of 1)", "cache (dict of 2)", "x"},
                  .samples = {}};
  profile.samples = {{{0, 1}, 100, 1}, {{0, 2}, 200, 2}, {{0, 1, 3}, 30, 3}, {{0, 3}, 4, 4}, {{3, 3}, 5, 5}};
  const Profile all = bounded_profile(profile, 10);
  ASSERT_EQ(all.samples.size(), 4u);
  EXPECT_EQ(all.samples[0].weight, 300u);
  EXPECT_EQ(all.samples[0].count, 3u);
  EXPECT_EQ(all.frames, (std::vector<std::string>{"module a", "cache (dict)", "x"}));
  EXPECT_EQ(all.samples[2].stack.size(), 1u) << "x below x is x";
  const Profile large = bounded_profile(profile, 10, 10);
  ASSERT_EQ(large.samples.size(), 4u);
  EXPECT_EQ(large.frames, (std::vector<std::string>{"module a", "cache (dict)", "x", "(others)"}));
  EXPECT_EQ(large.samples[2].stack, (std::vector<std::uint32_t>{3}))
      << "x is 5 in all where it is the outermost";
  EXPECT_EQ(large.samples[3].stack, (std::vector<std::uint32_t>{0, 3})) << "x is 4 below the module";
  const Profile few = bounded_profile(profile, 1);
  ASSERT_EQ(few.samples.size(), 2u);
  EXPECT_EQ(few.frames, (std::vector<std::string>{"module a", "cache (dict)", "(others)"}));
  EXPECT_EQ(few.samples[1].weight, 39u);
  EXPECT_EQ(few.samples[1].count, 12u);
}

}  // namespace
}  // namespace heapglass
