// What garbage says a collection would free is what one then frees.

#include <gtest/gtest.h>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// By type: what was freed between two histograms, and what `garbage` had said. Differences are printed, a
// line each.
constexpr char kCompare[] = R"py(
import json, sys
before, garbage, after = (json.load(open(path)) for path in sys.argv[1:])
count = lambda rows, key="bytes": {row["type"]: (row["count"], row[key]) for row in rows["types"]}
beside = [count(each, "external_bytes") for each in (before, after)]
before, told, after = count(before), count(garbage), count(after)
for name in sorted(set(before) | set(told) | set(after)):
    zero = (0, 0)
    was, now = before.get(name, zero), after.get(name, zero)
    freed = (was[0] - now[0], was[1] - now[1])
    # sys.getsizeof does not count the attributes of instances since 3.11; what garbage adds up has them.
    attributes = beside[0].get(name, zero)[1] - beside[1].get(name, zero)[1]
    own = name.startswith("__main__.")
    if told.get(name, zero) not in (freed, (freed[0], freed[1] + attributes) if own else freed):
        print(name, "freed", freed, "told", told.get(name, zero))
print("compared", len(told), "types", sum(n for n, _ in told.values()), "objects")
)py";

// What it says beside: finalizers, callbacks of weak references, and what gc.garbage has.
constexpr char kBeside[] = R"py(
import json, sys
told = json.load(open(sys.argv[1]))
sums = [sum(each["count"] * each[key] for each in told["components"]) for key in ("finalizers", "callbacks")]
assert sums == [100, 25], sums
assert sum(each["count"] * each["objects"] for each in told["components"]) == told["total"]["objects"]
assert any(each["count"] > 1 for each in told["components"]), told["components"]
assert [each["type"] for each in told["gc_garbage"]] == ["__main__.Node"], told["gc_garbage"]
)py";

class GarbageOf : public testing::TestWithParam<Interpreter> {
 protected:
  std::string ask(const PythonProgram& target, const std::string& command, const std::string& file) {
    const std::string path = folder_.file(file);
    const Outcome outcome = run_command(
        {HEAPGLASS_PROGRAM, command, target.target(), "--limit", "0", "--format", "json", "-o", path});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return path;
  }
  TemporaryFolder folder_;
};

TEST_P(GarbageOf, IsWhatACollectionFrees) {
  PythonProgram target(GetParam().path, "garbage.py");
  const std::string before = ask(target, "histogram", "before");
  const std::string garbage = ask(target, "garbage", "garbage");
  const Outcome beside = run_command({"python3", "-c", kBeside, garbage});
  EXPECT_EQ(beside.status, 0) << beside.err;
  ASSERT_TRUE(target.answers('x', 'D'));
  const std::string after = ask(target, "histogram", "after");
  const Outcome verdict = run_command({"python3", "-c", kCompare, before, garbage, after});
  EXPECT_EQ(verdict.status, 0) << verdict.err;
  EXPECT_EQ(verdict.out.rfind("compared ", 0), 0u) << verdict.out;
  // And then there is none left.
  const Outcome again = run_command({HEAPGLASS_PROGRAM, "garbage", target.target(), "--format", "json"});
  EXPECT_NE(again.out.find("\"unreachable\": 0"), std::string::npos) << again.out;
}

// What is frozen no collection looks at; that none comes by itself makes no difference.
TEST_P(GarbageOf, IsThatOfACollectorThatIsDisabledAndFrozen) {
  const std::string found = folder_.file("found");
  PythonProgram target(GetParam().path, "garbage_frozen.py", {found});
  for (const int least : {40, 120}) {
    const Outcome told = run_command({HEAPGLASS_PROGRAM, "garbage", target.target(), "--format", "json"});
    ASSERT_TRUE(target.answers('c', 'D'));
    const std::string collected = file_text(found);
    EXPECT_GE(std::stoi(collected), least);
    EXPECT_NE(told.out.find("\"unreachable\": " + collected + "}"), std::string::npos)
        << collected << " were found\n"
        << told.out.substr(0, 500) << told.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, GarbageOf, testing::ValuesIn(interpreters_of_the_day("GarbageOf")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GarbageOf);

}  // namespace
}  // namespace heapglass
