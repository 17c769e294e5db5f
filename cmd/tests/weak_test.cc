// The weak references to objects, as weakref.getweakrefcount counts them.

#include <gtest/gtest.h>

#include <sstream>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class WeakReferences : public testing::TestWithParam<Interpreter> {};

TEST_P(WeakReferences, AreCountedAsTheModuleDoes) {
  PythonProgram target(GetParam().path, "weak.py");
  std::istringstream words(target.ready_line());
  std::string row, ids, expected;
  words >> row;
  while (words >> row) {
    ids += (ids.empty() ? "" : ",") + row.substr(0, row.find(','));
    expected += row + "\n";
  }
  const Outcome told =
      run_command({HEAPGLASS_PROGRAM, "query", target.target(),
                   "SELECT id, weakrefs FROM objects WHERE id IN (" + ids + ")", "--format", "csv"});
  ASSERT_EQ(told.status, 0) << told.err;
  std::istringstream lines(expected);
  for (std::string line; std::getline(lines, line);)
    EXPECT_NE(told.out.find(line), std::string::npos) << line << "\n" << told.out;
}

INSTANTIATE_TEST_SUITE_P(Live, WeakReferences, testing::ValuesIn(supported_interpreters()),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WeakReferences);

}  // namespace
}  // namespace heapglass
