// What an object is said to retain is what really goes when it is dropped.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

struct Heap {
  std::int64_t objects = -1, bytes = -1;
};

// The first two numbers after `"key"` in JSON, by the names given.
std::int64_t number_after(const std::string& json, const std::string& name) {
  std::smatch match;
  return std::regex_search(json, match, std::regex("\"" + name + "\": *(\\d+)")) ? std::stoll(match[1]) : -1;
}

Heap heap_of(const PythonProgram& target) {
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "info", target.target(), "--format", "json"});
  if (outcome.status != 0) return {};
  return {number_after(outcome.out, "objects"), number_after(outcome.out, "bytes")};
}

class Retained : public testing::TestWithParam<Interpreter> {};

TEST_P(Retained, IsWhatGoesWhenItIsDropped) {
  PythonProgram target(GetParam().path, "dropped.py");
  std::istringstream words(target.ready_line());
  std::string word;
  words >> word;
  ASSERT_TRUE(target.answers('x', 'D'));  // whatever the first turn brings to life
  Heap before = heap_of(target);
  for (int step = 1; words >> word; ++step) {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "retained", target.target(), "--id", word, "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const std::string row = outcome.out.substr(outcome.out.find("\"objects\""));
    const std::int64_t bytes = number_after(row, "retained_bytes"),
                       objects = number_after(row, "retained_objects");
    ASSERT_TRUE(target.answers('x', 'D'));
    const Heap after = heap_of(target);
    EXPECT_EQ(before.objects - after.objects, objects) << "structure " << step;
    EXPECT_EQ(before.bytes - after.bytes, bytes) << "structure " << step;
    before = after;
  }
}

// Whose the largest are is told with them.
TEST_P(Retained, TellsWhoReachesIt) {
  PythonProgram target(GetParam().path, "leaks/dict_cache.py");
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "retained", target.target(), "--limit", "5"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("module __main__ -> cache -> dict "), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Live, Retained, testing::ValuesIn(interpreters_of_the_day("Retained")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Retained);

}  // namespace
}  // namespace heapglass
