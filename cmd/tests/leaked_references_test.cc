// garbage --held-by-c: what C code has lost, and nothing of a program whose C code has lost nothing.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// Stale words in free memory may hide some of the 200 (19 in one build of 3.8.10); what is told beside them
// must be none of the program's.
constexpr char kLost[] = R"py(
import json, sys
rows = {each["type"]: (each["count"], each["references"]) for each in json.load(sys.stdin)["held_by_c"]}
lost, several = rows.pop("__main__.Lost", (0, 0)), rows.pop("__main__.LostList", (0, 0))
assert 160 <= lost[0] <= 200 and lost[0] == lost[1], lost
assert several[0] == 1 and 5 <= several[1] <= 7, several
assert sum(references for _, references in rows.values()) <= 3, rows
)py";
constexpr char kNothing[] = R"py(
import json, sys
rows = json.load(sys.stdin)["held_by_c"]
assert sum(each["references"] for each in rows) <= 3, rows
)py";

class LeakedReferences : public testing::TestWithParam<Interpreter> {
 protected:
  void expect(const std::string& program, const std::vector<std::string>& arguments, const char* script) {
    const PythonProgram target(GetParam().path, program, arguments);
    const Outcome outcome =
        run_command({HEAPGLASS_PROGRAM, "garbage", target.target(), "--held-by-c", "--format", "json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict = run_command({"python3", "-c", script}, outcome.out);
    EXPECT_EQ(verdict.status, 0) << verdict.err;
  }
};

TEST_P(LeakedReferences, AreThoseThatNobodyHas) { expect("leaking.py", {"--leak"}, kLost); }
TEST_P(LeakedReferences, AreNoneWhereCCodeHoldsThem) { expect("leaking.py", {}, kNothing); }
TEST_P(LeakedReferences, AreNoneOfThreads) { expect("stacks.py", {}, kNothing); }

INSTANTIATE_TEST_SUITE_P(Live, LeakedReferences,
                         testing::ValuesIn(interpreters_of_the_day("LeakedReferences")), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeakedReferences);

}  // namespace
}  // namespace heapglass
