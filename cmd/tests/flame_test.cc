// The flame graphs of retained: the same bytes by both formats, and those that the program itself counts.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class Flames : public testing::TestWithParam<Interpreter> {};

TEST_P(Flames, AreOfTheBytesThatAreKept) {
  const TemporaryFolder folder;
  const PythonProgram program(GetParam().path, "flame.py");
  kill(program.pid(), SIGSTOP);  // both see one moment
  std::vector<std::string> compare{"python3", kPrograms + "compare_flames.py"};
  for (const std::string format : {"speedscope", "pprof"}) {
    compare.push_back(folder.file(format));
    const Outcome outcome = run_command(
        {HEAPGLASS_PROGRAM, "retained", program.target(), "--format", format, "-o", compare.back()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  compare.push_back(program.ready_line().substr(6));
  const Outcome verdict = run_command(compare);
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
}

// Down from the module: its dict, the cache, and under it ten of what it keeps.
TEST_P(Flames, TheTreeIsOfThemToo) {
  const PythonProgram program(GetParam().path, "flame.py");
  const Outcome outcome = run_command(
      {HEAPGLASS_PROGRAM, "retained", program.target(), "--tree", "--limit", "3", "--exact-bytes"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("cache: dict of 5,000"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("9997 more"), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Live, Flames, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Flames);

}  // namespace
}  // namespace heapglass
