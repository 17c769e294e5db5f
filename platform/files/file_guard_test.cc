#include "platform/files/file_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "lib/base/under_asan.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

constexpr std::size_t kSize = 64 * 4096;

// A file of ones, and a view of it.
struct View {
  FileDescriptor fd{memfd_create("view", MFD_CLOEXEC)};
  const volatile char* at = nullptr;
  std::shared_ptr<void> guard;

  explicit View(const std::string& name, OnShrink what) {
    const std::vector<char> ones(kSize, 1);
    EXPECT_EQ(write(fd.get(), ones.data(), kSize), static_cast<ssize_t>(kSize));
    void* const view = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
    EXPECT_NE(view, MAP_FAILED);
    at = static_cast<const volatile char*>(view);
    guard = guard_file_view(view, kSize, name, what);
  }
  ~View() {
    guard.reset();
    munmap(const_cast<char*>(at), kSize);
  }
};

bool listed(const std::string& name) {
  const auto names = shrunk_files();
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(FileGuard, WhatIsGoneIsZerosInEveryThread) {
  View view("a file", OnShrink::kZeros);
  EXPECT_FALSE(listed("a file"));
  ASSERT_EQ(ftruncate(view.fd.get(), 8 * 4096), 0);
  std::atomic<unsigned> sum{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < kSize; i += 4096) sum += static_cast<unsigned>(view.at[i]);
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(sum, 8 * 8u) << "8 pages in 8 threads";
  EXPECT_TRUE(listed("a file"));
}

TEST(FileGuard, AFileThatComesAndGoesIsReadToItsEnd) {
  View view("comes and goes", OnShrink::kZeros);
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      (void)!ftruncate(view.fd.get(), 0);
      (void)!ftruncate(view.fd.get(), kSize);
    }
  });
  unsigned sum = 0;
  for (int round = 0; round < 200; ++round)
    for (std::size_t i = 0; i < kSize; i += 512) sum += static_cast<unsigned>(view.at[i]);
  done = true;
  other.join();
  EXPECT_LE(sum, 200 * kSize / 512);
}

TEST(FileGuard, ManyViewsComeAndGo) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<View>> views;
    for (int i = 0; i < 600; ++i) views.push_back(std::make_unique<View>("many", OnShrink::kZeros));
    ASSERT_EQ(ftruncate(views[599]->fd.get(), 0), 0);
    EXPECT_EQ(views[599]->at[0], 0);
    EXPECT_EQ(views[0]->at[0], 1);
    EXPECT_TRUE(listed("many"));
  }
  EXPECT_FALSE(listed("many")) << "no view of it is left";
}

TEST(FileGuardDeathTest, TheProgramEndsWithOneLineWhereThatWasAskedFor) {
  const auto read_shrunk = [] {
    View view("core\n.1", OnShrink::kEnd);
    (void)!ftruncate(view.fd.get(), 0);
    std::thread([&] { (void)view.at[0]; }).join();
  };
  EXPECT_EXIT(read_shrunk(), testing::ExitedWithCode(5),
              "cannot read 'core\\?\\.1': it shrank while it was read");
}

TEST(FileGuardDeathTest, AFaultOfOurOwnStaysFatal) {
#if HEAPGLASS_UNDER_ASAN
  GTEST_SKIP() << "the sanitizer reports it in its own words";
#endif
  const auto read_unguarded = [] {
    View guarded("guarded", OnShrink::kZeros), open("not guarded", OnShrink::kZeros);
    open.guard.reset();
    (void)!ftruncate(open.fd.get(), 0);
    (void)open.at[0];
  };
  EXPECT_EXIT(read_unguarded(), testing::KilledBySignal(SIGBUS), "");
}

TEST(FileGuardDeathTest, ALeaseEndsTheProgramBeforeAWriterWrites) {
  const std::string path = testing::TempDir() + "/heapglass_lease." + std::to_string(getpid());
  {
    const FileDescriptor made(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(write(made.get(), "x", 1), 1);
    const FileDescriptor reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(end_before_writers(reader.get(), path), nullptr);
    EXPECT_EQ(errno, EAGAIN) << "somebody has it open for writing";
  }
  {
    const FileDescriptor reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!end_before_writers(reader.get(), path)) GTEST_SKIP() << "no leases here: " << std::strerror(errno);
  }
  { EXPECT_TRUE(FileDescriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC))) << "the lease is over"; }
  const auto be_written_to = [&] {
    const FileDescriptor reader(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto lease = end_before_writers(reader.get(), path);
    if (fork() == 0) {
      const FileDescriptor writer(open(path.c_str(), O_WRONLY | O_CLOEXEC));
      _exit(0);
    }
    sleep(60);
  };
  EXPECT_EXIT(be_written_to(), testing::ExitedWithCode(5), "another process is about to write to it");
  unlink(path.c_str());
}

}  // namespace
}  // namespace heapglass
