// What the process, and others, do to it while it is looked into: each in every mode, at whatever stage.
// Either there is an answer or one line on why not; the process goes on, and nothing of ours stays with it.

#include <gtest/gtest.h>

#include <csignal>
#include <random>
#include <thread>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

using Words = std::vector<std::string>;

class Meanwhile : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().back().path;
  }
  Outcome look(const PythonProgram& target) const {
    return run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--freeze=" + GetParam()}, "", "",
                       std::chrono::seconds(120));
  }
  // An answer, or one of these exit codes with one line.
  static void expect_answer_or_reason(const Outcome& outcome, const std::vector<int>& may_refuse) {
    if (outcome.status == 0) return;
    EXPECT_TRUE(std::count(may_refuse.begin(), may_refuse.end(), outcome.status))
        << outcome.status << ": " << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("heapglass: ")) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  static void expect_unharmed(PythonProgram& target) {
    EXPECT_TRUE(target.answers('?', '+'));
    EXPECT_EQ(status_line(target.pid(), "TracerPid"), "0");
    EXPECT_EQ(zombies_of(target.pid()), 0);
    EXPECT_EQ(target.finish(), 0);
  }
  std::string python_;
};

TEST_P(Meanwhile, ItBecomesAnotherProgram) {
  int answers = 0;
  PythonProgram target(python_, "restless.py", {"execs"});
  for (int i = 0; i < 12; ++i) {
    const Outcome outcome = look(target);
    expect_answer_or_reason(outcome, {3, 4});  // 4: its interpreter is not there yet
    answers += outcome.status == 0;
  }
  expect_unharmed(target);
  EXPECT_GT(answers, 0);
}

TEST_P(Meanwhile, ItHasChildren) {
  PythonProgram target(python_, "restless.py", {"forks"});
  for (int i = 0; i < 12; ++i) {
    const Outcome outcome = look(target);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  expect_unharmed(target);
}

TEST_P(Meanwhile, ThreadsComeAndGo) {
  PythonProgram target(python_, "restless.py", {"threads"});
  for (int i = 0; i < 12; ++i) {
    const Outcome outcome = look(target);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  expect_unharmed(target);
}

TEST_P(Meanwhile, SomebodyStopsItAndLetsItGoOn) {
  PythonProgram target(python_, "mutating.py");
  std::atomic<bool> done = false;
  std::thread somebody([&] {
    std::mt19937 random(20261121);
    while (!done) {
      kill(target.pid(), random() % 2 ? SIGSTOP : SIGCONT);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
    }
  });
  for (int i = 0; i < 12; ++i) {
    const Outcome outcome = look(target);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  done = true;
  somebody.join();
  kill(target.pid(), SIGSTOP);  // and what was asked for last holds
  for (int i = 0; i < 2000 && target.state() != 'T'; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(target.state(), 'T');
  kill(target.pid(), SIGCONT);
  expect_unharmed(target);
}

// By the kernel for want of memory, or by anybody.
TEST_P(Meanwhile, ItIsKilled) {
  int refused = 0;
  for (int i = 0; i < 12; ++i) {
    PythonProgram target(python_, "bench_heap.py", {"100000"});
    std::thread somebody([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(4 * i));
      kill(target.pid(), SIGKILL);
    });
    const Outcome outcome = look(target);
    somebody.join();
    expect_answer_or_reason(outcome, {3});
    refused += outcome.status != 0;
  }
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Live, Meanwhile, testing::Values("copy", "none", "fork", "precopy"),
                         [](const auto& each) { return each.param; });

// Told before it is stopped, and before the kernel ends heapglass for what it takes.
TEST(MemoryForTheCopy, IsLookedForBefore) {
  if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  PythonProgram target(supported_interpreters().back().path, "bench_heap.py", {"200000"});
  const TemporaryFolder folder;
  std::ofstream(folder.file("meminfo")) << "MemTotal: 24000000 kB\nMemAvailable: 20000 kB\n";
  const std::string mount =
      "mount --bind " + folder.file("meminfo") + " /proc/meminfo || exit 99; exec \"$@\"";
  const Outcome outcome = run_command(
      {"unshare", "-m", "sh", "-c", mount, "sh", HEAPGLASS_PROGRAM, "histogram", target.target()});
  if (outcome.status == 99 || outcome.err.starts_with("unshare")) GTEST_SKIP() << outcome.err;
  EXPECT_EQ(outcome.status, 3) << outcome.out;
  EXPECT_NE(outcome.err.find("too little memory for a copy of process " + target.target()), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("the machine has 20.5 MB left"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

}  // namespace
}  // namespace heapglass
