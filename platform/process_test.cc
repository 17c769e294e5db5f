// Who a process is, told from another that has its number.
#include "platform/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

}  // namespace
}  // namespace heapglass
