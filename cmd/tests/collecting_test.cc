// Caught in the middle of a garbage collection, wherever it stands: nothing is lost, and it is told.

#include <gtest/gtest.h>

#include "cmd/tests/live_results.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

struct How {
  std::string name;
  // The differences that it makes by itself: a thread that collects over and over puts one list in place of
  // another; of an object whose tp_traverse was replaced nobody can tell the references.
  int differences = 0;
  bool truth = true;  // false: the collection has already changed what it is compared with
};
const How kHows[] = {{"callback"},        {"weakref"},     {"finalizer"},
                     {"clear", 0, false}, {"traverse", 2}, {"always", 4}};

void PrintTo(const How& how, std::ostream* out) { *out << how.name; }

class Collecting : public testing::TestWithParam<std::tuple<Interpreter, How>> {};

std::string field(const std::string& info, const std::string& title) {
  const std::size_t at = info.find("\n" + title + " ");
  if (at == std::string::npos) return "";
  const std::size_t word = info.find_first_not_of(' ', at + 1 + title.size());
  return info.substr(word, info.find('\n', word) - word);
}

TEST_P(Collecting, NothingIsLost) {
  const auto& [interpreter, how] = GetParam();
  const LiveResult result(interpreter, "collecting-" + how.name);
  const TemporaryFolder folder;
  const std::string truth = folder.file("truth"), exported = folder.file("exported");
  PythonProgram target(interpreter.path, "collecting.py", {how.name, "--truth", truth});
  const std::string expected = target.ready_line().substr(target.ready_line().find(' ') + 1);

  // READY comes a moment before the collection, where the collector never comes back. One that does is not
  // met in the middle if that can be helped.
  std::string collecting = how.name == "always" ? "yes" : "";
  for (int i = 0; i < 100 && collecting != "yes"; ++i) {
    const Outcome info = run_command({HEAPGLASS_PROGRAM, "info", "--no-heap", target.target()});
    ASSERT_EQ(info.status, 0) << info.err;
    collecting = field(info.out, "collecting now");
  }
  EXPECT_EQ(collecting, "yes");

  if (!how.truth) {
    const Outcome histogram =
        run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--format", "csv"});
    ASSERT_EQ(histogram.status, 0) << histogram.err;
    EXPECT_NE(histogram.out.find("__main__.Trash," + expected + ","), std::string::npos)
        << "not " << expected << " in\n"
        << histogram.out.substr(0, 1000);
  } else {
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "export", target.target(), "--format", "jsonl", "-o", exported});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict =
        run_command({HEAPGLASS_COMPARE_TRUTH, exported, truth, "--allow", std::to_string(how.differences)});
    EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  }
  result.ended(HasFailure());
}

INSTANTIATE_TEST_SUITE_P(Live, Collecting,
                         testing::Combine(testing::ValuesIn(interpreters_of_the_day("Collecting")),
                                          testing::ValuesIn(kHows)),
                         [](const auto& each) {
                           return as_identifier(std::get<0>(each.param).name + "_" +
                                                std::get<1>(each.param).name);
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Collecting);

class CutList : public testing::TestWithParam<Interpreter> {};

TEST_P(CutList, IsReadFromItsOtherEnd) {
  PythonProgram target(GetParam().path, "cut_list.py", {});
  ASSERT_EQ(target.ready_line(), "READY 200");
  const Outcome histogram =
      run_command({HEAPGLASS_PROGRAM, "histogram", target.target(), "--type", "Lost", "--format", "csv"});
  ASSERT_EQ(histogram.status, 0) << histogram.err;
  EXPECT_NE(histogram.out.find("__main__.Lost,200,"), std::string::npos) << histogram.out;
  EXPECT_EQ(histogram.err.find("do not close"), std::string::npos) << histogram.err;
}

INSTANTIATE_TEST_SUITE_P(Live, CutList, testing::ValuesIn(interpreters_of_the_day("CutList")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CutList);

}  // namespace
}  // namespace heapglass
