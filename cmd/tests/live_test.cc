// Every program of testdata/programs under every interpreter that heapglass reads: what it exports must be
// what the interpreter says of itself.

#include <gtest/gtest.h>

#include <filesystem>

#include "cmd/tests/live_results.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// On each interpreter, in CI too: objects of every type that there is.
const std::string kZoos[] = {"builtins_zoo.py", "classes_zoo.py", "library_zoo.py"};
const std::string kSituations[] = {
    "suspended.py", "tracebacks.py", "tasks.py", "threads.py", "library.py",    "subinterpreters.py",
    "frozen.py",    "gc_off.py",     "deep.py",  "big.py",     "bench_heap.py", "own_sizes.py"};

class EveryPython : public testing::TestWithParam<std::tuple<Interpreter, std::string>> {};

TEST_P(EveryPython, IsExportedAsItSeesItself) {
  const auto& [interpreter, program] = GetParam();
  const LiveResult result(interpreter, program);
  const TemporaryFolder folder;
  const std::string truth = folder.file("truth"), exported = folder.file("exported");
  PythonProgram target(interpreter.path, program, {"--truth", truth});

  const Outcome outcome =
      run_command({HEAPGLASS_PROGRAM, "export", target.target(), "--format", "jsonl", "-o", exported});
  ASSERT_EQ(outcome.status, 0) << outcome.out << outcome.err;

  std::vector<std::string> compare{HEAPGLASS_COMPARE_TRUTH, exported};
  for (const auto& each : std::filesystem::directory_iterator(folder.path())) {
    if (each.path().filename().string().rfind("truth", 0) == 0) {  // one an interpreter of the process
      compare.push_back(each.path());
    }
  }
  const Outcome verdict = run_command(compare);
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  if (!HasFailure()) {
    std::cout << interpreter.name << " " << program << ": " << verdict.out;
  }
  result.ended(HasFailure(), verdict.out);
}

std::string test_name(const testing::TestParamInfo<EveryPython::ParamType>& each) {
  return as_identifier(std::get<0>(each.param).name + "_" + std::get<1>(each.param));
}

INSTANTIATE_TEST_SUITE_P(Live, EveryPython,
                         testing::Combine(testing::ValuesIn(supported_interpreters()),
                                          testing::ValuesIn(kZoos)),
                         test_name);
INSTANTIATE_TEST_SUITE_P(LiveSituations, EveryPython,
                         testing::Combine(testing::ValuesIn(interpreters_of_the_day("EveryPython")),
                                          testing::ValuesIn(kSituations)),
                         test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryPython);

class OnePythonEach : public testing::TestWithParam<Interpreter> {};

// Looking changes nothing: the truth before and after is one and the same, and the program works on.
TEST_P(OnePythonEach, IsLeftAsItWas) {
  const TemporaryFolder folder;
  const std::string before = folder.file("before"), after = folder.file("after");
  PythonProgram target(GetParam().path, "threads.py", {"--truth", before});
  for (int i = 0; i < 5; ++i) {
    const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "histogram", target.target()});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  ASSERT_TRUE(target.write_truth(after));
  const Outcome verdict = run_command({HEAPGLASS_COMPARE_TRUTH, after, before});
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  EXPECT_EQ(target.finish(), 0);
}

INSTANTIATE_TEST_SUITE_P(Live, OnePythonEach, testing::ValuesIn(interpreters_of_the_day("OnePythonEach")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnePythonEach);

TEST(Interpreters, SomeAreThere) {
  for (const Interpreter& each : all_interpreters()) {
    std::cout << (each.read ? "covered:  " : "left out: ") << each.name << "  " << each.path << "\n";
  }
  EXPECT_FALSE(supported_interpreters().empty())
      << "scripts/pythons --supported finds no interpreter to test with";
}

}  // namespace
}  // namespace heapglass
