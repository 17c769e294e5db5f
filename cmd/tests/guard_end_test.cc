// heapglass guard where a process runs out of memory by itself: MemoryError, its limit of addresses, its end.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/running_guard.h"
#include "platform/process/proc_text.h"

namespace heapglass {
namespace {

std::string of_process(const PythonProgram& target, const std::string& more) {
  return "[worker]\npid = " + target.target() + "\n" + more;
}

// A file of what the hook was told.
std::string hook(const TemporaryFolder& folder) {
  const std::string file = folder.file("hook");
  std::ofstream(file) << "#!/bin/sh\ncd " << folder.path()
                      << " && env | grep HEAPGLASS_ > part && mv part told\n";
  chmod(file.c_str(), 0700);
  return file;
}

// Counted whether it is caught or not, and in threads that come later.
TEST_F(Guard, AMemoryErrorIsCounted) {
  PythonProgram target = program();
  const std::string file =
      rules(of_process(target, "when = memory-error\ndo = snapshot\ncooldown = 1ms\nvalues = none\n"));
  const Outcome check = heapglass({"guard", file, "--check"});
  ASSERT_EQ(check.status, 0) << check.err;
  if (check.out.find("never: counting takes CAP_PERFMON") != std::string::npos ||
      check.out.find("has no uprobes") != std::string::npos)
    GTEST_SKIP() << check.out;
  EXPECT_NE(check.out.find("a count each 200 ms"), std::string::npos) << check.out;
  RunningGuard guard(file);
  ASSERT_TRUE(guard.wait_for("is watched"));
  std::this_thread::sleep_for(milliseconds(500));
  ASSERT_EQ(target.ask("grow 100"), "OK");
  ASSERT_EQ(target.ask("error"), "OK");
  ASSERT_TRUE(guard.wait_for("memory-error (it raised MemoryError, 1 time since it is watched)"));
  ASSERT_TRUE(guard.wait_for("wrote worker-"));
  ASSERT_EQ(target.ask("error thread"), "OK");
  ASSERT_TRUE(guard.wait_for("it raised MemoryError, 2 times"));
  ASSERT_TRUE(guard.wait_for("wrote worker-", 2));
  EXPECT_EQ(target.ask("grow 100"), "OK");
  kill(target.pid(), SIGKILL);
  ASSERT_TRUE(guard.wait_for("it was ended by signal 9 (KILL) after 2 times MemoryError"));
  EXPECT_EQ(guard.end(), 0);
}

// As the unit has it by default.
TEST_F(Guard, WithoutTheRightNoMemoryErrorIsCountedAndItSaysSo) {
  if (geteuid() != 0) GTEST_SKIP() << "without root there is no such right to drop";
  PythonProgram target = program();
  const std::string file = rules(of_process(target, "when = memory-error\ndo = snapshot\n"));
  const std::vector<std::string> without{
      "setpriv",         "--bounding-set=-all,+sys_ptrace,+dac_read_search",
      "--inh-caps=-all", HEAPGLASS_PROGRAM,
      "guard",           file};
  std::vector<std::string> check = without;
  check.emplace_back("--check");
  const Outcome checked = run_command(check);
  ASSERT_EQ(checked.status, 0) << checked.err;
  EXPECT_NE(checked.out.find("never: counting takes CAP_PERFMON"), std::string::npos) << checked.out;
  RunningGuard guard(without);
  ASSERT_TRUE(guard.wait_for("memory-error is not counted: counting takes CAP_PERFMON"));
  EXPECT_EQ(guard.end(), 0);
}

TEST_F(Guard, ItsLimitOfAddressesIsNear) {
  PythonProgram target = program();
  const std::string before =
      heapglass({"guard", rules(of_process(target, "when = addresses > 90%\ndo = snapshot\n")), "--check"})
          .out;
  EXPECT_NE(before.find("never: it has no limit of addresses"), std::string::npos) << before;
  const std::uint64_t addresses = number_after(file_text("/proc/" + target.target() + "/status"), "VmSize:")
                                  << 10;
  ASSERT_GT(addresses, 0u);
  const rlimit limit{addresses + addresses / 20, addresses + addresses / 20};
  ASSERT_EQ(prlimit(target.pid(), RLIMIT_AS, &limit, nullptr), 0);
  RunningGuard guard(rules(of_process(target, "when = addresses > 90%\ndo = snapshot\n")));
  ASSERT_TRUE(guard.wait_for(" of addresses are used)"));
  ASSERT_TRUE(guard.wait_for("wrote worker-"));
  EXPECT_EQ(guard.end(), 0);
}

TEST_F(Guard, TheLastRecordOfAProcessThatFailsIsKept) {
  PythonProgram target = program();
  RunningGuard guard(rules(
      of_process(target, "when = exit failed\nrecord = 1s\ndo = report\nrun = " + hook(folder_) + "\n")));
  ASSERT_TRUE(guard.wait_for("is recorded"));
  EXPECT_EQ(target.ask("exit 3"), "");
  ASSERT_TRUE(guard.wait_for("exit failed (it exited with code 3)"));
  ASSERT_TRUE(guard.wait_for("the last snapshot of it is worker-"));
  ASSERT_TRUE(guard.wait_for(".html"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!std::filesystem::exists(folder_.file("told")) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(10));
  const std::string told = file_text(folder_.file("told"));
  EXPECT_NE(told.find("HEAPGLASS_REASON=it exited with code 3\n"), std::string::npos) << told;
  EXPECT_NE(told.find("HEAPGLASS_PID=" + target.target() + "\n"), std::string::npos) << told;
  EXPECT_EQ(guard.end(), 0);
  const auto snapshots = files_with("-record.hg");
  ASSERT_FALSE(snapshots.empty());
  EXPECT_NE(told.find("HEAPGLASS_SNAPSHOT=" + snapshots.back() + "\n"), std::string::npos) << told;
  EXPECT_NE(file_text(files() + "/guard.state").find("\nfile worker "), std::string::npos)
      << "it goes for newer records: " << file_text(files() + "/guard.state");
  EXPECT_NE(heapglass({"histogram", snapshots.back(), "--limit", "0"}).out.find("Session"),
            std::string::npos);
}

TEST_F(Guard, AProcessThatEndsWellIsNoFailure) {
  PythonProgram target = program();
  RunningGuard guard(rules(of_process(target, "when = exit failed\nrun = " + hook(folder_) + "\n")));
  ASSERT_TRUE(guard.wait_for("is watched"));
  EXPECT_EQ(target.ask("exit 0"), "");
  ASSERT_TRUE(guard.wait_for("it exited with code 0"));
  EXPECT_EQ(guard.end(), 0);
  EXPECT_EQ(guard.said().find("exit failed"), std::string::npos) << guard.said();
  EXPECT_FALSE(std::filesystem::exists(folder_.file("told")));
}

TEST_F(Guard, WithoutASnapshotTheHookIsToldOfTheEndAll) {
  PythonProgram target = program();
  RunningGuard guard(rules(of_process(target, "when = exit\nrun = " + hook(folder_) + "\n")));
  ASSERT_TRUE(guard.wait_for("is watched"));
  kill(target.pid(), SIGKILL);
  ASSERT_TRUE(guard.wait_for("exit (it was ended by signal 9 (KILL))"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!std::filesystem::exists(folder_.file("told")) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_NE(file_text(folder_.file("told")).find("HEAPGLASS_SNAPSHOT=\n"), std::string::npos);
  EXPECT_EQ(guard.end(), 0);
}

}  // namespace
}  // namespace heapglass
