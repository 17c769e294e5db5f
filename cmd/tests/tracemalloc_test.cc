// What tracemalloc knows in the target, told from outside, against the module's own word inside.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

class TracesOf : public testing::TestWithParam<Interpreter> {
 protected:
  void ask(const PythonProgram& target, const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{
        HEAPGLASS_PROGRAM, "tracemalloc", target.target(), "--limit", "0", "--format", "json", "-o",
        folder_.file(name)};
    command.insert(command.end(), more.begin(), more.end());
    const Outcome outcome = run_command(command);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  TemporaryFolder folder_;
};

TEST_P(TracesOf, AreThoseOfTheModule) {
  PythonProgram target(GetParam().path, "traced.py", {folder_.path()});
  ask(target, "lineno", {"--dump", folder_.file("dump")});
  ask(target, "filename", {"--group", "filename"});
  ask(target, "traceback", {"--group", "traceback"});
  ask(target, "cumulative", {"--cumulative"});
  ask(target, "compare", {"--compare", folder_.file("before")});
  ask(target, "filtered", {"--include", "*/traced.py", "--exclude", "*:25"});
  // With itself, by the file just written: nothing has changed.
  ask(target, "same", {"--compare", folder_.file("dump")});
  std::ifstream same(folder_.file("same"));
  const std::string text((std::istreambuf_iterator<char>(same)), {});
  EXPECT_NE(text.find("\"size_diff\": 0"), std::string::npos);
  EXPECT_EQ(text.find("(+"), text.find("(+0 B)")) << text;

  // The place of each object, in a picture's boxes; and that of one in full.
  std::istringstream words(target.ready_line());
  std::string place, id;
  words >> id >> place;
  std::vector<std::string> picture{HEAPGLASS_PROGRAM, "refs", target.target(), "--max-depth", "1",
                                   "--extra-info",    "site", "--format",      "json"};
  std::size_t objects = 0;
  for (; words >> id; ++objects) picture.insert(picture.end(), {"--id", id});
  const Outcome drawn = run_command(picture);
  ASSERT_EQ(drawn.status, 0) << drawn.err;
  std::size_t placed = 0;
  for (std::size_t at = 0; (at = drawn.out.find("\"of " + place + "\"", at)) != std::string::npos; ++at)
    ++placed;
  EXPECT_GE(placed, objects) << place << drawn.out;
  const Outcome shown = run_command({HEAPGLASS_PROGRAM, "show", target.target(), "--id", id});
  EXPECT_NE(shown.out.find(place), std::string::npos) << shown.out;

  ASSERT_EQ(target.ask(""), "");  // the wait ends, in which it allocates nothing
  const std::string verdict = target.ask("compare");
  EXPECT_EQ(verdict.rfind("SAME ", 0), 0u) << verdict;
}

INSTANTIATE_TEST_SUITE_P(Live, TracesOf, testing::ValuesIn(interpreters_of_the_day("TracesOf")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TracesOf);

}  // namespace
}  // namespace heapglass
