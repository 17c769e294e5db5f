// What is told of written pages, against what was done to them.
#include "platform/copying/dirty_tracker.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <random>
#include <vector>

namespace heapglass {
namespace {

constexpr std::uint64_t kBlock = 2u << 20;

// With the kernel's own word, and as if it could not be trusted about pages that are elsewhere.
class Tracked : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::uint64_t kPages = 40 * kBlock / kPage;

  void SetUp() override {
    if (const std::string why = why_no_write_tracking(); !why.empty()) GTEST_SKIP() << why;
    void* at = mmap(nullptr, kPages * kPage + 70 * kBlock, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    // Not where a block begins, nor with a round number of them.
    start_ = (reinterpret_cast<std::uint64_t>(at) + kBlock - 1) / kBlock * kBlock + 3 * kPage;
    range_ = {start_, start_ + (kPages - 7) * kPage};
    tracker_.emplace(getpid(), FileDescriptor(static_cast<int>(syscall(SYS_userfaultfd, kUserfaultfdFlags))),
                     GetParam());
    written_.assign(count(), false);
    taken_.assign(count(), false);
  }

  std::size_t count() const { return range_.size() / kPage; }
  void* page(std::size_t i) const { return reinterpret_cast<void*>(start_ + i * kPage); }
  void write_pages(std::size_t from, std::size_t n) {
    for (std::size_t i = from; i < std::min(count(), from + n); ++i) {
      *static_cast<volatile char*>(page(i)) = 1;
      written_[i] = true;
    }
  }
  void drop(std::size_t from, std::size_t n) {
    n = std::min(n, count() - from);
    ASSERT_EQ(madvise(page(from), n * kPage, MADV_DONTNEED), 0);
    for (std::size_t i = from; i < from + n; ++i) written_[i] = false;
  }
  void map_anew(std::size_t from, std::size_t n) {
    n = std::min(n, count() - from);
    ASSERT_EQ(
        mmap(page(from), n * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        page(from));
    for (std::size_t i = from; i < from + n; ++i) written_[i] = false;
  }
  void take() {
    for (const Range& run : tracker_->take(range_))
      for (std::uint64_t at = run.start; at < run.end; at += kPage) taken_[(at - start_) / kPage] = true;
    written_.assign(count(), false);
  }
  std::vector<bool> there() const {
    std::vector<bool> result;
    // What is protected before it is there is told as swapped.
    PageMap(getpid()).each(range_,
                           [&](std::uint64_t, std::uint64_t entry) { result.push_back(entry >> 63 != 0); });
    return result;
  }
  std::vector<bool> pages_of(const std::vector<Range>& runs) const {
    std::vector<bool> result(count());
    std::uint64_t last = 0;
    for (const Range& run : runs) {
      EXPECT_LE(last, run.start);
      last = run.start;
      for (std::uint64_t at = run.start; at < run.end; at += kPage) result[(at - start_) / kPage] = true;
    }
    return result;
  }
  void do_whatever(bool huge_pages);
  void expect_told() {
    const DirtyTracker::Pages pages = tracker_->look({range_});
    const std::vector<bool> written = pages_of(pages.written), vanished = pages_of(pages.vanished),
                            present = there();
    for (std::size_t i = 0; i < count(); ++i) {
      // One page written of a huge one is all of it.
      const bool told = written[i] == written_[i] || (written[i] && huge_);
      const bool has_vanished = !present[i] && taken_[i];
      // A macro each for thousands of pages takes minutes under sanitizers.
      if (told && !(written[i] && !present[i]) && !(vanished[i] && present[i]) &&
          (vanished[i] || !has_vanished))
        continue;
      FAIL() << "page " << i << ": written " << written_[i] << ", told " << written[i] << "; there "
             << present[i] << ", taken before " << taken_[i] << ", told as vanished " << vanished[i];
    }
  }

  std::uint64_t start_ = 0;
  Range range_;
  std::optional<DirtyTracker> tracker_;
  std::vector<bool> written_, taken_;  // since the last take(); ever
  bool huge_ = false;
};

TEST_P(Tracked, NothingWasWritten) {
  write_pages(0, count());
  take();
  const DirtyTracker::Pages pages = tracker_->look({range_});
  EXPECT_TRUE(pages.written.empty());
  EXPECT_TRUE(pages.vanished.empty());
}

TEST_P(Tracked, WhoWatchesIsTold) {
  write_pages(5, 1);
  EXPECT_FALSE(tracker_->watched_by_another(range_));
  const Range gone{range_.end + 64 * kBlock, range_.end + 65 * kBlock};
  munmap(reinterpret_cast<void*>(gone.start), kBlock);
  EXPECT_FALSE(tracker_->watched_by_another(gone));
  take();
  EXPECT_TRUE(tracker_->watched_by_another(range_));
}

// Pages that nobody has touched cost no look of their own.
TEST_P(Tracked, WhatIsEmptyIsNotToldUntilItIsWritten) {
  for (std::size_t i = 0; i + 1 < count(); i += 2) write_pages(i, 1);
  take();
  EXPECT_TRUE(tracker_->look({range_}).vanished.empty());
  EXPECT_EQ(there(), taken_);
  write_pages(11, 1);
  write_pages(20, 1);
  EXPECT_EQ(static_cast<volatile char*>(page(13))[0], 0);
  const DirtyTracker::Pages pages = tracker_->look({range_});
  ASSERT_EQ(pages.written.size(), 2u);
  EXPECT_EQ(pages.written[0].start, start_ + 11 * kPage);
  EXPECT_EQ(pages.written[1].start, start_ + 20 * kPage);
  EXPECT_TRUE(pages.vanished.empty());
  drop(11, 1);
  EXPECT_EQ(tracker_->look({range_}).vanished.size(), 1u);
}

TEST_P(Tracked, NothingOfItIsLeft) {
  write_pages(0, count() / 2);
  take();
  tracker_.reset();
  PageMap(getpid()).each(range_, [&](std::uint64_t at, std::uint64_t entry) {
    EXPECT_EQ(entry >> 62 & 1, 0u) << at;  // swapped
    EXPECT_EQ(entry >> 57 & 1, 0u) << at;  // write-protected
  });
}

TEST_P(Tracked, WholePageTablesVanish) {
  write_pages(0, count());
  take();
  drop(0, 3 * kBlock / kPage);
  map_anew(10 * kBlock / kPage, 2 * kBlock / kPage);
  expect_told();
  write_pages(11 * kBlock / kPage, 1);
  expect_told();
}

void Tracked::do_whatever(bool huge_pages) {
  std::mt19937 random(20261125);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  write_pages(0, count() / 2);
  take();
  for (int round = 0; round < 100; ++round) {
    for (std::size_t i = below(5); i > 0; --i) {
      const std::size_t from = below(count()), n = 1 + below(below(2) ? 5 : 3 * kBlock / kPage);
      switch (below(8)) {
        case 0:
          drop(from, n);
          break;
        case 1:
          map_anew(from, n);
          break;
        case 2:  // scattered: more runs than are looked at one by one
          for (std::size_t k = 0; k < 2000; ++k) write_pages(below(count()), 1);
          break;
        case 3:
          huge_ = huge_pages;
          if (huge_pages) madvise(page(from), std::min(n, count() - from) * kPage, MADV_HUGEPAGE);
          break;
        default:
          write_pages(from, n);
      }
    }
    expect_told();
    if (HasFatalFailure()) return;
    if (below(3) == 0) take();
  }
}

TEST_P(Tracked, WhateverIsDone) { do_whatever(false); }
TEST_P(Tracked, WhateverIsDoneWithHugePages) { do_whatever(true); }

INSTANTIATE_TEST_SUITE_P(, Tracked, testing::Values(true, false),
                         [](const auto& each) { return each.param ? "Exact" : "Inexact"; });

}  // namespace
}  // namespace heapglass
