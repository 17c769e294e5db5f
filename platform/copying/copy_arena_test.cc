#include "platform/copying/copy_arena.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "lib/base/page.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kSize = 80u << 20;

std::byte value_of(std::uint64_t at) { return static_cast<std::byte>(at * 2654435761u >> 13 | 1); }

// Runs all over an arena, small and large ones, with gaps between.
class ArenaOfRuns : public testing::Test {
 protected:
  ArenaOfRuns() : arena_(kSize) {
    for (std::uint64_t at = kPage, size = 1; at < kSize - kPage;
         at += 2 * size + 3 * kPage, size = size * 7 % 5000011) {
      const std::uint64_t end = std::min(at + size, kSize - 100);
      arena_.prefault(arena_.base() + at, end - at);
      for (std::uint64_t i = at; i < end; ++i) arena_.base()[i] = value_of(i);
      written_.push_back({arena_.base() + at, arena_.base() + end});
    }
  }
  // The number of bytes that are not what was written, or zero where nothing was.
  std::uint64_t wrong_in(const std::byte* base) const {
    std::uint64_t wrong = 0, at = 0;
    for (const CopyArena::Written& run : written_) {
      const auto start = static_cast<std::uint64_t>(run.start - arena_.base()),
                 end = static_cast<std::uint64_t>(run.end - arena_.base());
      for (; at < start; ++at) wrong += base[at] != std::byte{0};
      for (; at < end; ++at) wrong += base[at] != value_of(at);
    }
    return wrong;
  }
  CopyArena arena_;
  std::vector<CopyArena::Written> written_;
};

TEST_F(ArenaOfRuns, HasTheSameBytesInItsFileAndAtTheSamePlace) {
  ASSERT_GT(written_.size(), 20u);
  arena_.make_file(written_);
  EXPECT_EQ(wrong_in(arena_.base()), 0u);
  void* const view = mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, arena_.descriptor(), 0);
  ASSERT_NE(view, MAP_FAILED);
  EXPECT_EQ(wrong_in(static_cast<std::byte*>(view)), 0u);
  munmap(view, kSize);
  arena_.make_file(written_);
  EXPECT_EQ(wrong_in(arena_.base()), 0u);
}

TEST_F(ArenaOfRuns, CanBeReadWhileItsFileIsMade) {
  std::atomic<bool> ended = false;
  std::atomic<std::uint64_t> wrong = 0, looks = 0;
  std::thread reader([&] {
    do {
      for (const CopyArena::Written& run : written_)
        for (const std::byte* at = run.start; at < run.end; at += 1021)
          wrong += *at != value_of(static_cast<std::uint64_t>(at - arena_.base()));
      ++looks;
    } while (!ended);
  });
  while (looks == 0) std::this_thread::yield();
  arena_.make_file(written_);
  ended = true;
  reader.join();
  EXPECT_EQ(wrong, 0u);
}

TEST_F(ArenaOfRuns, NobodyCanChangeTheFile) {
  arena_.make_file(written_);
  EXPECT_EQ(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, arena_.descriptor(), 0), MAP_FAILED);
  EXPECT_NE(ftruncate(arena_.descriptor(), kSize / 2), 0);
  EXPECT_LT(pwrite(arena_.descriptor(), "x", 1, 0), 0);
}

TEST(CopyArena, TakesNoMemoryBeforeItIsTouched) {
  const CopyArena arena(std::uint64_t{1} << 40);
  arena.base()[std::uint64_t{1} << 39] = std::byte{1};
  EXPECT_EQ(arena.base()[(std::uint64_t{1} << 39) + 1], std::byte{0});
}

}  // namespace
}  // namespace heapglass
