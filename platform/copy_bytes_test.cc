#include "platform/copy_bytes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "platform/memory_copier.h"

namespace heapglass {
namespace {

// This process itself, read as if it were another.
class CopyBytes : public testing::Test {
 protected:
  CopyBytes() : process_(Process::open(getpid())), from_(9 << 20), to_(from_.size()) {
    for (std::size_t i = 0; i < from_.size(); ++i) from_[i] = static_cast<std::byte>(i * 2654435761u >> 13);
  }
  CopyJob job(std::size_t at, std::size_t size) {
    return {reinterpret_cast<std::uint64_t>(from_.data() + at), to_.data() + at, size};
  }
  Process process_;
  std::vector<std::byte> from_, to_;
};

TEST_F(CopyBytes, EveryByteOfLargeAndSmallJobs) {
  std::vector<CopyJob> jobs;
  for (std::size_t at = 0, size = 1; at < from_.size(); at += size, size = size * 3 % 3000017 + 1)
    jobs.push_back(job(at, std::min(size, from_.size() - at)));
  const CopyOutcome outcome = copy_all(process_, jobs);
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.copied, from_.size());
  EXPECT_TRUE(from_ == to_);
}

TEST_F(CopyBytes, EndsInTime) {
  const CopyOutcome outcome = copy_all(process_, {job(0, from_.size())}, CopyClock::now());
  EXPECT_FALSE(outcome.complete);
  EXPECT_LT(outcome.copied, from_.size());
}

TEST_F(CopyBytes, PagesThatAreGoneAreZerosAndNotCounted) {
  const std::size_t page = 4096, pages = 16;
  auto* there = static_cast<std::byte*>(
      mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(there), MAP_FAILED);
  std::memset(there, 0x5a, pages * page);
  munmap(there + 3 * page, page);
  munmap(there + 7 * page, 2 * page);
  std::vector<std::byte> to(pages * page, std::byte{1});
  const CopyOutcome outcome =
      copy_all(process_, {{reinterpret_cast<std::uint64_t>(there), to.data(), to.size()}});
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.copied, (pages - 3) * page);
  for (std::size_t i = 0; i < to.size(); i += 64) {
    const std::size_t n = i / page;
    ASSERT_EQ(to[i], n == 3 || n == 7 || n == 8 ? std::byte{0} : std::byte{0x5a}) << n;
  }
  munmap(there, pages * page);
}

TEST_F(CopyBytes, TheEstimateIsOfAllBytes) {
  MemoryCopier copier(process_);
  const MemoryCopier::Estimate estimate = copier.estimate();
  EXPECT_GT(estimate.bytes, 2 * from_.size());
  EXPECT_GT(estimate.gigabytes_per_second, 0.001);
  EXPECT_GE(estimate.ms, static_cast<double>(estimate.bytes) / 1e6 / estimate.gigabytes_per_second * 0.99);
  // It changes nothing of what is copied then.
  const Mappings now = process_.mappings();
  EXPECT_TRUE(copier.copy(now, CopyClock::time_point::max()));
  EXPECT_GT(copier.bytes_copied(), 2 * from_.size());
}

}  // namespace
}  // namespace heapglass
