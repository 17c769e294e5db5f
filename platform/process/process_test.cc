// Who a process is, told from another that has its number.
#include "platform/process/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "lib/base/error.h"

namespace heapglass {
namespace {

pid_t sleeping_child() {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  return child;
}
void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

// The kernel gives the number after the last one to who comes next, whom root may choose.
TEST(Process, ItsNumberIsAnothersNow) {
  const pid_t first = sleeping_child();
  const Process process = Process::open(first);
  process.check_alive();
  end(first);
  EXPECT_THROW(process.check_alive(), Error);
  pid_t second = -1;
  for (int i = 0; i < 200 && second != first; ++i) {
    if (second > 0) end(second);
    std::ofstream last("/proc/sys/kernel/ns_last_pid");
    if (!(last << first - 1 << std::flush)) GTEST_SKIP() << "no right to choose the next process' number";
    second = sleeping_child();
  }
  if (second != first) {
    end(second);
    GTEST_SKIP() << "left out: other processes were given that number sooner";
  }
  // Mostly within the same tick of the clock, of which there are a hundred a second.
  try {
    process.check_alive();
    ADD_FAILURE() << "not told";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("its pid is another's now"), std::string::npos) << error.what();
  }
  end(second);
}

TEST(Process, WhoseItIsAndWhatItHasInMemory) {
  const pid_t own = sleeping_child();
  const Process process = Process::open(own);
  EXPECT_TRUE(process.owned_by_caller());
  EXPECT_GT(process.resident_bytes(), 64u << 10);
  EXPECT_LT(process.resident_bytes(), std::uint64_t{64} << 30);
  end(own);

  if (geteuid() != 0) GTEST_SKIP() << "left out: only root can start another user's process";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool changed = setuid(65534) == 0;
    if (write(ready[1], &changed, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  bool changed = false;
  ASSERT_EQ(read(ready[0], &changed, 1), 1);
  EXPECT_TRUE(changed);
  // Whether its code may be run to tell what it refers to hangs on this.
  EXPECT_FALSE(Process::open(child).owned_by_caller());
  end(child);
  close(ready[0]);
  close(ready[1]);
}

// Between the end and the zombie lies the freeing of its memory, which takes a while when there is much.
TEST(Process, OneThatIsGoingHasNoMapOfItsMemory) {
  for (int i = 0; i < 5; ++i) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      constexpr std::size_t kBytes = 200 << 20;
      void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory != MAP_FAILED) std::memset(memory, 1, kBytes);
      if (write(ready[1], "r", 1) == 1) pause();
      _exit(0);
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    const Process process = Process::open(child);
    kill(child, SIGKILL);
    std::string told;
    while (told.empty()) try {
        process.mappings();
      } catch (const Error& error) {
        told = error.what();
      }
    EXPECT_NE(told.find("exited while it was looked at"), std::string::npos) << told;
    waitpid(child, nullptr, 0);
    close(ready[0]);
    close(ready[1]);
  }
}

}  // namespace
}  // namespace heapglass
