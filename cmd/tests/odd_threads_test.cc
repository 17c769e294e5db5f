// Threads as the kernel has them: which one each is, what it does there, and of which interpreter it is.

#include <gtest/gtest.h>

#include <set>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

std::string stacks_of(const std::string& target, const std::vector<std::string>& options = {}) {
  std::vector<std::string> command{HEAPGLASS_PROGRAM, "stacks", target};
  command.insert(command.end(), options.begin(), options.end());
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome.out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

class OddThreads : public testing::TestWithParam<Interpreter> {};

TEST_P(OddThreads, AsleepWithTheGil) {
  const PythonProgram program(GetParam().path, "odd_threads.py", {"gil"});
  while (program.state() != 'S') usleep(1000);
  const std::string told = stacks_of(program.target());
  EXPECT_TRUE(has(told, "has the GIL, in ")) << told;
}

// After a stop the kernel calls such a wait restart_syscall.
TEST_P(OddThreads, InterruptedWaitsAreCalledAsTheyWere) {
  const PythonProgram program(GetParam().path, "odd_threads.py", {"waits"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  kill(program.pid(), SIGCONT);
  while (program.state() != 'S') usleep(1000);
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--freeze=none"}}) {
    const std::string told = stacks_of(program.target(), options);
    EXPECT_TRUE(has(told, "poll\n")) << told;
    EXPECT_TRUE(has(told, "nanosleep\n")) << told;
    EXPECT_FALSE(has(told, "restart")) << told;
  }
}

// PyOS_AfterFork_Child corrects what a PyThreadState says of its thread; C code that forks may not call it.
TEST_P(OddThreads, ForkedByCCode) {
  const PythonProgram program(GetParam().path, "odd_threads.py", {"fork"});
  const std::string child = program.ready_line().substr(6);
  const std::string told = stacks_of(child);
  EXPECT_TRUE(has(told, "thread  " + child)) << told;
  EXPECT_FALSE(has(told, program.target())) << told;
  EXPECT_TRUE(has(told, "in read")) << told;
}

TEST_P(OddThreads, AlikeAreOneRow) {
  const PythonProgram program(GetParam().path, "odd_threads.py", {"alike"});
  const std::string told = stacks_of(program.target());
  EXPECT_TRUE(has(told, "12 threads alike: ")) << told;
  EXPECT_EQ(times(told, "stand ("), 1u) << told;
  EXPECT_EQ(times(stacks_of(program.target(), {"--unfold"}), "stand ("), 12u);
  EXPECT_EQ(times(stacks_of(program.target(), {"--format", "json"}), "\"stand\""), 12u);
}

INSTANTIATE_TEST_SUITE_P(Live, OddThreads, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OddThreads);

// The last in which interpreters share all, the first with a GIL of their own, and the next, in which threads
// are told right by themselves.
std::vector<Interpreter> with_interpreters() {
  std::vector<Interpreter> chosen;
  for (const char* minor : {"3.10.", "3.12.", "3.13."})
    for (const Interpreter& each : supported_interpreters())
      if (each.version.starts_with(minor) && each.build == "release") {
        chosen.push_back(each);
        break;
      }
  return chosen;
}

class SeveralInterpreters : public testing::TestWithParam<Interpreter> {};

TEST_P(SeveralInterpreters, AreToldApart) {
  const PythonProgram program(GetParam().path, "odd_threads.py", {"interpreters"});
  const std::string told = stacks_of(program.target());
  for (const char* label : {"[interpreter 1]", "[interpreter 2]"}) EXPECT_TRUE(has(told, label)) << told;
  // The main thread, two that run interpreters, and what those run: three threads of the kernel.
  EXPECT_EQ(times(told, "thread  " + program.target()), 1u) << told;

  const Outcome leaks = run_command({HEAPGLASS_PROGRAM, "leaks", program.target()});
  EXPECT_EQ(leaks.status, 0) << leaks.err;
  EXPECT_FALSE(has(leaks.out, "native-references")) << leaks.out;
  for (const char* owner : {"[interpreter 1] __main__.CACHE", "[interpreter 2] __main__.CACHE"})
    EXPECT_TRUE(has(leaks.out, owner)) << leaks.out;

  const Outcome path = run_command(
      {HEAPGLASS_PROGRAM, "path", program.target(), "--type", "__main__.Session", "--format=text"});
  EXPECT_TRUE(has(path.out, "[interpreter 2]")) << path.out << path.err;
}

INSTANTIATE_TEST_SUITE_P(Live, SeveralInterpreters, testing::ValuesIn(with_interpreters()),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SeveralInterpreters);

}  // namespace
}  // namespace heapglass
