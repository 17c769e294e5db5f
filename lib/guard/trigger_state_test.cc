#include "lib/guard/trigger_state.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

constexpr std::uint64_t kMB = 1'000'000;

Trigger share(double percent) { return {.kind = TriggerKind::kMemory, .percent = percent}; }
Trigger growth(std::uint64_t bytes, Monotonic window) {
  return {.kind = TriggerKind::kGrowth, .bytes = bytes, .window = window};
}
Monotonic s(int seconds) { return Monotonic(seconds * 1000); }

TEST(TriggerState, ShareOfTheLimitFiresOnceUntilItHasBeenBelow) {
  TriggerState state(share(90));
  EXPECT_EQ(state.take({50 * kMB, 100 * kMB}, s(1)), "");
  EXPECT_EQ(state.take({90 * kMB, 100 * kMB}, s(2)), "");
  EXPECT_EQ(state.take({91 * kMB, 100 * kMB}, s(3)), "91.0 MB of 100 MB are used");
  EXPECT_EQ(state.take({95 * kMB, 100 * kMB}, s(4)), "");
  EXPECT_EQ(state.take({88 * kMB, 100 * kMB}, s(5)), "");  // not 5 % below
  EXPECT_EQ(state.take({92 * kMB, 100 * kMB}, s(6)), "");
  EXPECT_EQ(state.take({80 * kMB, 100 * kMB}, s(7)), "");
  EXPECT_NE(state.take({92 * kMB, 100 * kMB}, s(8)), "");
}

TEST(TriggerState, ShareNeedsALimitAndFollowsIt) {
  TriggerState state(share(50));
  EXPECT_EQ(state.take({50 * kMB, std::nullopt}, s(1)), "");
  EXPECT_EQ(state.threshold(std::nullopt), std::nullopt);
  EXPECT_EQ(state.take({50 * kMB, 200 * kMB}, s(2)), "");
  EXPECT_NE(state.take({50 * kMB, 90 * kMB}, s(3)), "");
}

TEST(TriggerState, FiresAgainWhereNothingCameOfIt) {
  TriggerState state(share(90));
  EXPECT_NE(state.take({91 * kMB, 100 * kMB}, s(1)), "");
  state.rearm();
  EXPECT_NE(state.take({91 * kMB, 100 * kMB}, s(2)), "");
}

TEST(TriggerState, GrowthIsWithinItsWindow) {
  TriggerState state(growth(100 * kMB, s(60)));
  // 1 MB a second: 60 MB within the window, however long.
  std::uint64_t used = 0;
  for (int i = 0; i < 600; ++i) EXPECT_EQ(state.take({used += kMB, std::nullopt}, s(i)), "") << i;
  // 5 MB a second.
  int fired = 0;
  for (int i = 600; i < 640; ++i) fired += !state.take({used += 5 * kMB, std::nullopt}, s(i)).empty();
  EXPECT_EQ(fired, 1);
}

TEST(TriggerState, GrowthAfterAFallCountsFromThere) {
  TriggerState state(growth(100 * kMB, s(60)));
  EXPECT_EQ(state.take({500 * kMB, std::nullopt}, s(0)), "");
  EXPECT_EQ(state.take({300 * kMB, std::nullopt}, s(1)), "");
  EXPECT_EQ(state.take({399 * kMB, std::nullopt}, s(2)), "");
  EXPECT_EQ(state.take({401 * kMB, std::nullopt}, s(4)), "it grew by 101 MB to 401 MB");
}

TEST(TriggerState, CountsThatWereThereBeforeAreNoNews) {
  TriggerState state({.kind = TriggerKind::kEvent, .event = "max"});
  EXPECT_EQ(state.take_count(7, s(1)), "");
  EXPECT_EQ(state.take_count(7, s(2)), "");
  EXPECT_EQ(state.take_count(9, s(3)), "memory.events counts 9 of max");
  EXPECT_EQ(state.take_count(9, s(4)), "");
  EXPECT_EQ(state.take_count(3, s(5)), "");  // another group of that name
}

TEST(TriggerState, MemoryErrorsAndAddresses) {
  TriggerState errors({.kind = TriggerKind::kMemoryError});
  EXPECT_EQ(errors.take_count(0, s(1)), "");
  EXPECT_EQ(errors.take_count(1, s(2)), "it raised MemoryError, 1 time since it is watched");
  EXPECT_EQ(errors.take_count(1, s(3)), "");
  EXPECT_EQ(errors.take_count(12, s(4)), "it raised MemoryError, 12 times since it is watched");
  TriggerState addresses({.kind = TriggerKind::kAddresses, .percent = 90});
  EXPECT_EQ(addresses.take({950 * kMB, std::nullopt}, s(1)), "");
  EXPECT_EQ(addresses.take({950 * kMB, 1000 * kMB}, s(2)), "950 MB of 1.00 GB of addresses are used");
}

TEST(TriggerState, IsReadSoonerWhileItGrows) {
  TriggerState state(share(90));
  state.take({10 * kMB, 100 * kMB}, s(1));
  EXPECT_EQ(state.next_reading(s(1), s(1)), s(2));
  state.take({30 * kMB, 100 * kMB}, s(2));  // 20 MB a second, 60 MB left: 3 s, of which a quarter
  EXPECT_EQ(state.next_reading(s(2), s(1)), s(2) + Monotonic(750));
  state.take({88 * kMB, 100 * kMB}, s(3));
  EXPECT_EQ(state.next_reading(s(3), s(1)), s(3) + Monotonic(8));
  state.take({89'990'000, 100 * kMB}, s(4));
  EXPECT_EQ(state.next_reading(s(4), s(1)), s(4) + Monotonic(5));  // never sooner
  EXPECT_NE(state.take({91 * kMB, 100 * kMB}, s(5)), "");
  EXPECT_EQ(state.next_reading(s(5), s(1)), s(6));
}

}  // namespace
}  // namespace heapglass
