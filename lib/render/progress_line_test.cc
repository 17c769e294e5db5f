#include "lib/render/progress_line.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

TEST(ProgressText, NamesTheStageAndTheTimeLeft) {
  const Progress now{.stage = Stage::kDominators, .elapsed_ms = 1400, .left_ms = 2100};
  EXPECT_EQ(progress_text(now, 80), "heapglass: finding dominators, about 3 s left");
  EXPECT_EQ(progress_text({.stage = Stage::kObjects, .elapsed_ms = 3400}, 80),
            "heapglass: finding objects, 3 s so far");
  EXPECT_EQ(progress_text({.elapsed_ms = 3400, .left_ms = 400'000, .round = 3, .rounds = 12}, 80),
            "heapglass: 3 of 12, about 7 min left");
}

TEST(ProgressText, FitsTheTerminal) {
  const Progress now{.stage = Stage::kDominators, .elapsed_ms = 1400, .left_ms = 2100};
  for (const std::size_t columns : {0u, 1u, 20u, 45u})
    EXPECT_LT(progress_text(now, columns).size(), std::max<std::size_t>(columns, 1)) << columns;
}

TEST(ProgressText, EveryStageHasWords) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Stage::kCount); ++i)
    EXPECT_FALSE(words_for(static_cast<Stage>(i)).empty()) << i;
}

}  // namespace
}  // namespace heapglass
