#include "platform/process/process_end.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/files/file_descriptor.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

struct Ending {
  pid_t pid = fork();
  std::uint64_t start_time = 0;
  FileDescriptor descriptor;
  Ending() {
    if (pid == 0) {
      pause();
      _exit(3);
    }
    ProcStat stat;
    if (read_proc_stat(pid, stat)) start_time = stat.start_time;
    descriptor = FileDescriptor(static_cast<int>(syscall(434 /* pidfd_open */, pid, 0)));
  }
  void end(int signal) const {
    kill(pid, signal);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  }
};

TEST(EndStatus, IsThatOfAProcessNobodyHasWaitedFor) {
  const Ending ending;
  EXPECT_EQ(end_status(ending.pid, ending.start_time, ending.descriptor.get()), std::nullopt);
  ending.end(SIGTERM);
  const auto status = end_status(ending.pid, ending.start_time, ending.descriptor.get());
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_end(status), "was ended by signal 15 (TERM)");
  EXPECT_EQ(end_status(ending.pid, ending.start_time + 1, -1), std::nullopt) << "the pid is another's";
  waitpid(ending.pid, nullptr, 0);
  const auto after = end_status(ending.pid, ending.start_time, ending.descriptor.get());
  if (after) {  // from Linux 6.15 on
    EXPECT_EQ(*after, *status);
  }
  EXPECT_EQ(end_status(ending.pid, ending.start_time, -1), std::nullopt);
}

TEST(DescribeEnd, TellsCodeAndSignal) {
  EXPECT_EQ(describe_end(std::nullopt), "ended");
  EXPECT_EQ(describe_end(0), "exited with code 0");
  EXPECT_EQ(describe_end(3 << 8), "exited with code 3");
  EXPECT_EQ(describe_end(SIGKILL), "was ended by signal 9 (KILL)");
  EXPECT_EQ(describe_end(SIGSEGV | 128), "was ended by signal 11 (SEGV)");
  EXPECT_EQ(describe_end(64), "was ended by signal 64");
}

}  // namespace
}  // namespace heapglass
