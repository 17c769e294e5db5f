// What stacks says of threads, locks and tasks is what the interpreter says of itself.

#include <gtest/gtest.h>

#include <filesystem>

#include "cmd/python_program.h"

namespace heapglass {
namespace {

class Stacks : public testing::TestWithParam<Interpreter> {
 protected:
  // Asks stacks of the target and holds the answer against what the program told when it was ready.
  void expect_told(const PythonProgram& program, const std::string& target, const std::string& compare,
                   const std::vector<std::string>& options = {}) {
    const std::string told = folder_.file("told"), answer = folder_.file("answer");
    std::ofstream(told) << program.ready_line();
    std::vector<std::string> command{HEAPGLASS_PROGRAM, "stacks", target,     "--locals", "--repr", "1000",
                                     "--depth",         "0",      "--format", "json",     "-o",     answer};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome outcome = run_command(command);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict = run_command({"python3", kPrograms + compare, told, answer});
    EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  }
  TemporaryFolder folder_;
};

TEST_P(Stacks, OfThreadsLocksAndDeadlocks) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  expect_told(program, program.target(), "compare_stacks.py");
}

TEST_P(Stacks, OfTasks) {
  const PythonProgram program(GetParam().path, "await_chains.py");
  expect_told(program, program.target(), "compare_tasks.py");
}

INSTANTIATE_TEST_SUITE_P(Live, Stacks, testing::ValuesIn(interpreters_of_the_day("Stacks")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Stacks);

// Of the versions that scripts/fetch-packages has brought greenlet for, as sqlalchemy needs it.
TEST_P(Stacks, OfGreenlets) {
  const std::string minor = GetParam().version.substr(0, GetParam().version.find('.', 2));
  const std::string packages = HEAPGLASS_SOURCE_DIR "/.packages/" + minor + "/sqlalchemy_orm";
  if (!std::filesystem::exists(packages + "/greenlet"))
    GTEST_SKIP() << "left out: there is no greenlet in " << packages;
  setenv("PYTHONPATH", packages.c_str(), 1);
  if (run_command({GetParam().path, "-B", "-c", "import greenlet"}).status != 0) {
    unsetenv("PYTHONPATH");
    GTEST_SKIP() << "left out: its greenlet does not load";  // another build of Python, an older libc
  }
  const PythonProgram program(GetParam().path, "greenlets.py");
  unsetenv("PYTHONPATH");
  expect_told(program, program.target(), "compare_greenlets.py");
}

// However the process is held or kept. The oldest and the newest interpreter: between them the C structs of
// locks have changed all.
class StacksHeld : public Stacks {};

TEST_P(StacksHeld, StoppedByASignal) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  expect_told(program, program.target(), "compare_stacks.py");
  EXPECT_EQ(program.state(), 'T');
}

TEST_P(StacksHeld, NotAtAll) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  expect_told(program, program.target(), "compare_stacks.py", {"--freeze=none"});
}

TEST_P(StacksHeld, Spinning) {
  const PythonProgram program(GetParam().path, "stacks.py", {"--spin"});
  expect_told(program, program.target(), "compare_stacks.py");
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "stacks", program.target()});
  EXPECT_NE(outcome.out.find("running, has the GIL"), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Live, StacksHeld, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StacksHeld);

class StacksInACore : public Stacks {};

TEST_P(StacksInACore, AreThose) {
  setenv("MALLOC_ARENA_MAX", "1", 1);  // what malloc has put by for each thread would be in the core too
  const PythonProgram program(GetParam().path, "stacks.py", {"--deadlock"});
  unsetenv("MALLOC_ARENA_MAX");
  const std::string core = gcore(program, folder_);
  if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  expect_told(program, core, "compare_stacks.py");
}

// gcore leaves out the stacks that glibc 2.42 makes, on which the newest run.
std::vector<Interpreter> with_stacks_in_cores() {
  auto all = supported_interpreters();
  std::erase_if(all,
                [](const Interpreter& each) { return each.version >= "3.13.6" || each.version < "3.10"; });
  if (all.size() < 2) return all;
  return {all.front(), all.back()};
}

INSTANTIATE_TEST_SUITE_P(Live, StacksInACore, testing::ValuesIn(with_stacks_in_cores()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StacksInACore);

}  // namespace
}  // namespace heapglass
