#include "platform/copying/copy_bytes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "platform/copying/memory_copier.h"

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
  PageMap pages_{getpid()};
  std::vector<std::byte> from_, to_;
};

TEST_F(CopyBytes, EveryByteOfLargeAndSmallJobs) {
  std::vector<CopyJob> jobs;
  for (std::size_t at = 0, size = 1; at < from_.size(); at += size, size = size * 3 % 3000017 + 1)
    jobs.push_back(job(at, std::min(size, from_.size() - at)));
  const CopyOutcome outcome = copy_all(process_, pages_, jobs);
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.copied, from_.size());
  EXPECT_TRUE(from_ == to_);
}

TEST_F(CopyBytes, EndsInTime) {
  const CopyOutcome outcome = copy_all(process_, pages_, {job(0, from_.size())}, {.until = CopyClock::now()});
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
      copy_all(process_, pages_, {{reinterpret_cast<std::uint64_t>(there), to.data(), to.size()}});
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.copied, (pages - 3) * page);
  for (std::size_t i = 0; i < to.size(); i += 64) {
    const std::size_t n = i / page;
    ASSERT_EQ(to[i], n == 3 || n == 7 || n == 8 ? std::byte{0} : std::byte{0x5a}) << n;
  }
  munmap(there, pages * page);
}

// How many of its pages a process has for itself alone.
std::size_t own_pages(pid_t pid, std::uint64_t from, std::size_t pages) {
  std::size_t own = 0;
  PageMap(pid).each({from, from + pages * kPage},
                    [&](std::uint64_t, std::uint64_t entry) { own += PageMap::can_be_pinned(entry); });
  return own;
}

TEST_F(CopyBytes, WhatAForkSharesStaysShared) {
  constexpr std::size_t kPages = 3000;
  auto* memory = static_cast<std::byte*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(memory), MAP_FAILED);
  for (std::size_t i = 0; i < kPages * kPage; ++i) memory[i] = static_cast<std::byte>(i >> 5);
  int wait[2], ready[2];
  ASSERT_EQ(pipe(wait), 0);
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Runs of pages of its own of every length, between those that it shares.
    for (std::size_t page = 0, run = 1; page < kPages; page += 2 * run, run = run % 70 + 1)
      for (std::size_t i = page; i < std::min(page + run, kPages); ++i) memory[i * kPage] = std::byte{7};
    char byte = 0;
    close(wait[1]);
    (void)!write(ready[1], "", 1);
    (void)!read(wait[0], &byte, 1);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto from = reinterpret_cast<std::uint64_t>(memory);
  const std::size_t before = own_pages(child, from, kPages);
  EXPECT_GT(before, kPages / 3);
  EXPECT_LT(before, kPages * 2 / 3);
  const Process other = Process::open(child);
  const PageMap pages(child);
  for (const CopyBy by : {CopyBy::kPageMap, CopyBy::kMemoryFile}) {
    std::vector<std::byte> to(kPages * kPage);
    EXPECT_EQ(copy_all(other, pages, {{from, to.data(), to.size()}}, {.by = by}).copied, to.size());
    EXPECT_EQ(own_pages(child, from, kPages), before);
    for (std::size_t page = 0, run = 1; page < kPages; page += 2 * run, run = run % 70 + 1)
      for (std::size_t i = page; i < std::min(page + run, kPages); ++i) {
        ASSERT_EQ(to[i * kPage], std::byte{7}) << i;
        to[i * kPage] = memory[i * kPage];  // as it was before the child wrote it
      }
    EXPECT_EQ(std::memcmp(to.data(), memory, to.size()), 0);
    for (std::size_t page = 0; page < kPages; ++page) {
      std::byte one{};
      EXPECT_TRUE(other.read(Address{from + page * kPage}, {&one, 1}));
    }
    EXPECT_EQ(own_pages(child, from, kPages), before);
  }
  for (const int fd : {wait[0], wait[1], ready[0], ready[1]}) close(fd);
  waitpid(child, nullptr, 0);
  munmap(memory, kPages * kPage);
}

TEST(NewProcesses, AForkIsSeenAndAThreadIsNone) {
  const NewProcesses before(getpid());
  std::thread([] {}).join();
  int wait[2];
  ASSERT_EQ(pipe(wait), 0);
  std::thread waits([&] {
    char byte = 0;
    (void)!read(wait[0], &byte, 1);
  });
  // Others may start programs meanwhile, and more of them than are looked at.
  const bool quiet = !before.may_be_forks();
  if (const pid_t child = fork(); child == 0) {
    char byte = 0;
    close(wait[1]);
    (void)!read(wait[0], &byte, 1);
    _exit(0);
  } else {
    EXPECT_TRUE(before.may_be_forks());
    close(wait[1]);
    waits.join();
    waitpid(child, nullptr, 0);
  }
  close(wait[0]);
  if (!quiet) GTEST_SKIP() << "other processes were started meanwhile that may have been forked";
}

TEST_F(CopyBytes, ThePageOfZerosIsNoContent) {
  constexpr std::size_t kPages = 2000, kWritten = 500;
  auto* memory = static_cast<volatile char*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<volatile void*>(memory), MAP_FAILED);
  madvise(const_cast<char*>(memory), kPages * kPage, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < kPages - 300; ++i) (void)memory[i * kPage];
  memory[kWritten * kPage] = 1;
  const auto from = reinterpret_cast<std::uint64_t>(memory);
  const std::vector<Range> runs = runs_with_content(pages_, {from, from + kPages * kPage});
  munmap(const_cast<char*>(memory), kPages * kPage);
  std::uint64_t bytes = 0;
  bool has_written = false;
  for (const Range& run : runs) {
    bytes += run.size();
    has_written |= run.start <= from + kWritten * kPage && from + kWritten * kPage < run.end;
  }
  EXPECT_TRUE(has_written);
  if (bytes == (kPages - 300) * kPage)
    GTEST_SKIP() << "this kernel does not tell the page of zeros (Linux 6.7)";
  EXPECT_EQ(bytes, kPage);
}

TEST_F(CopyBytes, TheEstimateIsOfAllBytes) {
  MemoryCopier copier(process_);
  const MemoryCopier::Estimate estimate = copier.estimate();
  EXPECT_GT(estimate.bytes, 2 * from_.size());
  EXPECT_GT(estimate.gigabytes_per_second, 0.001);
  EXPECT_GE(estimate.ms, static_cast<double>(estimate.bytes) / 1e6 / estimate.gigabytes_per_second * 0.99);
  // It changes nothing of what is copied then.
  const Mappings now = process_.mappings();
  EXPECT_TRUE(copier.copy(now, CopyClock::time_point::max(), true));
  EXPECT_GT(copier.bytes_copied(), 2 * from_.size());
}

}  // namespace
}  // namespace heapglass
