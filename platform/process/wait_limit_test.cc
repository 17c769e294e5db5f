#include "platform/process/wait_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

TEST(WaitLimit, ALongWaitIsToldAndManyShortOnesAreNot) {
  std::atomic<bool> late = false;
  const WaitWatch watch([&](const std::string& what) {
    EXPECT_NE(what.find("within 5 s"), std::string::npos) << what;
    late = true;
  });
  for (const auto until = Clock::now() + std::chrono::seconds(7); Clock::now() < until;)
    const WaitLimit short_wait(WaitLimit::kRead);
  EXPECT_FALSE(late);
  const WaitLimit longer(WaitLimit::kFind);
  const WaitLimit never_ends(WaitLimit::kRead);
  const auto began = Clock::now();
  while (!late && Clock::now() < began + std::chrono::seconds(60))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(late);
  EXPECT_GT(Clock::now() - began, std::chrono::seconds(4));
}

TEST(WaitLimit, TheWatchEndsAtOnce) {
  const auto began = Clock::now();
  for (int i = 0; i < 20; ++i) const WaitWatch watch([](const std::string&) { FAIL(); });
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(5));
}

}  // namespace
}  // namespace heapglass
