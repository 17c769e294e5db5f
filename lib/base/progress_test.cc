#include "lib/base/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace heapglass {
namespace {

void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

TEST(Progress, IsOfTheInnermostStageAndCountsEachForItself) {
  begin_progress(stages({Stage::kObjects, Stage::kReferrers}));
  begin_heap(1'000'000, 0);
  {
    const InStage outer(Stage::kObjects);
    wait_ms(20);
    {
      const InStage inner(Stage::kReferrers);
      EXPECT_EQ(progress().stage, Stage::kReferrers);
      wait_ms(60);
    }
    EXPECT_EQ(progress().stage, Stage::kObjects);
    wait_ms(20);
  }
  EXPECT_EQ(progress().stage, Stage::kStart);
  EXPECT_GE(took_ms(Stage::kObjects), 40);
  EXPECT_GE(took_ms(Stage::kReferrers), 60);
  EXPECT_GE(progress().elapsed_ms, 100u);
}

TEST(Progress, TellsWhatIsLeftByWhatIsDone) {
  begin_progress(stages({Stage::kObjects, Stage::kReferences, Stage::kLoad}));
  EXPECT_EQ(progress().left_ms, std::nullopt) << "nobody knows how large the heap is";
  begin_heap(10'000'000, stages({Stage::kLoad}));
  const auto at_first = progress().left_ms;
  ASSERT_TRUE(at_first);
  EXPECT_GE(*at_first, 100u);
  {
    const InStage stage(Stage::kObjects);
    wait_ms(60);  // a tenth of what it takes elsewhere, or less: so will the rest
  }
  const auto later = progress().left_ms;
  ASSERT_TRUE(later);
  EXPECT_LT(*later, *at_first / 2);
  {
    const InStage stage(Stage::kReferences);
    EXPECT_GT(*progress().left_ms, 0u);
  }
  EXPECT_EQ(*progress().left_ms, 0u);
}

TEST(Progress, OtherThreadsDoNotChangeIt) {
  begin_progress(stages({Stage::kObjects}));
  begin_heap(1000, 0);
  const InStage stage(Stage::kObjects);
  std::thread([] {
    const InStage other(Stage::kPicture);
    EXPECT_EQ(progress().stage, Stage::kObjects);
  }).join();
  EXPECT_EQ(progress().stage, Stage::kObjects);
  EXPECT_EQ(took_ms(Stage::kPicture), 0);
}

TEST(Progress, RoundsTakeAsLongAsThoseBefore) {
  begin_progress(stages({Stage::kObjects}));
  expect_rounds(0, 4);
  EXPECT_EQ(progress().left_ms, std::nullopt);
  EXPECT_EQ(progress().round, 1u);
  wait_ms(30);
  expect_rounds(1, 4);
  const Progress now = progress();
  EXPECT_EQ(now.round, 2u);
  ASSERT_TRUE(now.left_ms);
  EXPECT_GE(*now.left_ms, 3 * 30u);
  expect_rounds(0, 0);
}

}  // namespace
}  // namespace heapglass
