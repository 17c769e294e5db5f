#include "platform/sandbox/child_watch.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLimit{500};
const ChildWatch::Clock::time_point kBegin{std::chrono::hours(1)};

// A child that gets `slice` of every 100 ms: the time after which it is over, and what it has spent by then.
struct Ended {
  milliseconds after{}, spent{};
};
Ended watch(milliseconds slice, milliseconds at_most) {
  ChildWatch watch;
  ChildWatch::Processor used{milliseconds(70)};
  watch.start(kBegin, used);
  for (milliseconds at{100}; at <= at_most; at += milliseconds(100)) {
    used += slice;
    if (watch.is_over(kLimit, kBegin + at, used))
      return {at, std::chrono::duration_cast<milliseconds>(watch.spent(kBegin + at))};
  }
  return {};
}

TEST(ChildWatch, OneThatComputesIsOverByItsProcessorTime) {
  const Ended ended = watch(milliseconds(100), milliseconds(5000));
  EXPECT_EQ(ended.after, milliseconds(600));
  EXPECT_EQ(ended.spent, milliseconds(600));
}

// Nine tenths of the machine are others': the object has had as little time as it has, however late it is.
TEST(ChildWatch, OneThatWaitsForAProcessorIsNotCharged) {
  const Ended ended = watch(milliseconds(3), milliseconds(60'000));
  EXPECT_EQ(ended.after, milliseconds(16'700));
  EXPECT_EQ(ended.spent, milliseconds(501));
}

TEST(ChildWatch, OneThatIsBlockedIsOverInTime) {
  const Ended ended = watch(milliseconds(0), milliseconds(5000));
  EXPECT_EQ(ended.after, ChildWatch::kBlocked * kLimit + milliseconds(100));
  EXPECT_EQ(ended.spent, ended.after);
}

}  // namespace
}  // namespace heapglass
