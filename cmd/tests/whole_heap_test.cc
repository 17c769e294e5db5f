// Every object that exists is in the graph, and has one size everywhere: what only C code knows of, and what
// it has lost.

#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

// One of each of three ages, release and debug builds.
class WholeHeap : public testing::TestWithParam<Interpreter> {
 protected:
  static void expect(const std::vector<std::string>& command, const std::string& script) {
    const Outcome outcome = run_command(command);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Outcome verdict = run_command(
        {"python3", "-c", "import json, sys\nanswer = json.load(sys.stdin)\n" + script}, outcome.out);
    EXPECT_EQ(verdict.status, 0) << verdict.err << outcome.out.substr(0, 2000);
  }
  static std::vector<std::string> command(const std::string& name, const std::string& target) {
    return {HEAPGLASS_PROGRAM, name, target, "--format", "json", "--limit", "0"};
  }
};

constexpr char kLost[] = R"py(
types = {each["type"]: each for each in answer["types"]}
assert types["builtins.float"]["count"] >= 4500, types["builtins.float"]
assert types["builtins.str"]["count"] >= 4600, types["builtins.str"]
told = [each for each in answer.get("caveats", []) if each["kind"] == "objects-unreached"]
assert len(told) == 1 and 8100 <= told[0]["count"] <= 8300, told
assert set(told[0]["examples"][:2]) == {"builtins.float", "builtins.str"}, told
)py";
constexpr char kSuspected[] = R"py(
lost = [each for each in answer["suspects"] if each["pattern"] == "native-references"]
assert len(lost) == 1 and 8100 <= lost[0]["objects"] <= 8300, answer["suspects"]
assert lost[0]["rank"] == 1 and "builtins.float" in lost[0]["owner"] and "builtins.str" in lost[0]["owner"], lost
assert "lost" in lost[0]["evidence"], lost
)py";
constexpr char kNothingLost[] = R"py(
assert not [each for each in answer.get("caveats", []) if each["kind"] == "objects-unreached"], answer["caveats"]
assert not [each for each in answer["suspects"] if each["pattern"] == "native-references"], answer["suspects"]
)py";

TEST_P(WholeHeap, HasWhatWasLost) {
  const PythonProgram target(GetParam().path, "lost.py", {"--lose"});
  expect(command("histogram", target.target()), kLost);
  expect(command("leaks", target.target()), kSuspected);
  const TemporaryFolder folder;
  const std::string file = folder.file("lost.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  expect(command("histogram", file), kLost);
  expect(command("leaks", file), kSuspected);
}

// A few large ones are told as many small ones are, and what lies beside them in every program is not
// counted.
constexpr char kLargeSuspected[] = R"py(
lost = [each for each in answer["suspects"] if each["pattern"] == "native-references"]
assert len(lost) == 1 and 20 <= lost[0]["objects"] <= 22 and lost[0]["rank"] == 1, answer["suspects"]
assert lost[0]["owner"] == "C code, builtins.str" and 40000000 <= lost[0]["bytes"] <= 40300000, lost
)py";

TEST_P(WholeHeap, HasAFewLargeObjectsThatWereLost) {
  const PythonProgram target(GetParam().path, "lost.py", {"--lose-large"});
  expect(command("leaks", target.target()), kLargeSuspected);
}

// The links of a bounded cache are owned by its dict and by the ring of links.
TEST_P(WholeHeap, HasWhoeverOwnsTheLinksOfACache) {
  const PythonProgram target(std::vector<std::string>{GetParam().path, "-c", R"py(
import functools, sys
@functools.lru_cache(maxsize=3000)
def load(n):
    return [n]
for n in range(5000):
    load(n)
print("READY", flush=True)
sys.stdin.read()
)py"});
  const Outcome rows = run_command({HEAPGLASS_PROGRAM, "query", target.target(), R"sql(
SELECT count(*), sum(o.refcount = (SELECT count(*) FROM refs r WHERE r.held = o.id)) FROM objects o
WHERE o.type = 'functools._lru_list_elem')sql",
                                    "--format", "csv"});
  ASSERT_EQ(rows.status, 0) << rows.err;
  EXPECT_NE(rows.out.find("\n3000,3000"), std::string::npos) << rows.out;
}

TEST_P(WholeHeap, HasNothingThatWasFreed) {
  const PythonProgram target(GetParam().path, "lost.py");
  expect(command("leaks", target.target()), kNothingLost);
}

// 20 holders of 500 chunks of 112 bytes and one of 400,016.
constexpr char kNative[] = R"py(
types = {each["type"]: each for each in answer["types"]}
holder, boaster = types["native_memory.Holder"], types["native_memory.Boaster"]
assert 20 * 440_000 <= holder["external_bytes"] <= 20 * 470_000, holder
assert holder["share"] > 0.4, holder
assert boaster["bytes"] <= 3 * 256, boaster
capsule, longer = types["builtins.PyCapsule"], types["native_memory.Longer"]
assert 40 * 100_000 <= capsule["external_bytes"] <= 40 * 100_000 + 200_000, capsule
assert 20 * 49_900 <= longer["external_bytes"] <= 20 * 50_000 + 10_000, longer
told = [each for each in answer["caveats"] if each["kind"] == "sizes-contradicted"]
assert len(told) <= 1 and (not told or told[0]["examples"] == ["native_memory.Boaster"]), told
)py";
constexpr char kRetained[] = R"py(
first = answer["objects"][0]
assert first["retained_bytes"] >= 20 * 440_000, first
)py";
constexpr char kAccused[] = R"py(
assert answer["heap_bytes"] < 1 << 30, answer["heap_bytes"]
assert all(0 <= each["share"] <= 1 for each in answer["suspects"]), answer["suspects"]
assert [each for each in answer["suspects"] if "CACHE" in each["owner"]], answer["suspects"]
)py";

TEST_P(WholeHeap, HasOneSizeForWhatCCodeHas) {
  const std::string include =
      run_command(
          {GetParam().path, "-c", "import sysconfig; print(sysconfig.get_paths()['include'], end='')"})
          .out;
  if (access((include + "/Python.h").c_str(), R_OK) != 0)
    GTEST_SKIP() << "there is no Python.h in " << include;
  const TemporaryFolder folder;
  const Outcome built =
      run_command({"cc", "-shared", "-fPIC", "-O1", "-w", "-I" + include,
                   kPrograms + "native/native_memory.c", "-o", folder.file("native_memory.so")});
  ASSERT_EQ(built.status, 0) << built.err;
  const PythonProgram target(GetParam().path, "native/native_memory.py", {folder.file("")});
  const std::string file = folder.file("native.hg");
  ASSERT_EQ(run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "-o", file}).status, 0);
  for (const std::string& of : {target.target(), file}) {
    expect(command("histogram", of), kNative);
    expect({HEAPGLASS_PROGRAM, "retained", of, "--format", "json", "--limit", "1"}, kRetained);
    expect(command("leaks", of), kAccused);
    // The text that only a field of C refers to.
    const Outcome labels =
        run_command({HEAPGLASS_PROGRAM, "query", of, "--format", "csv",
                     "select count(*) from refs join objects o on o.id = held where class = 'guess' "
                     "and o.type = 'builtins.str' and o.repr like '%of a holder%'"});
    EXPECT_NE(labels.out.find("\n20"), std::string::npos) << labels.out << labels.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, WholeHeap, testing::ValuesIn(few_interpreters()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WholeHeap);

// Of 3.13 alone: what an operator.methodcaller keeps for its calls was never written before the first of
// them.
class WholeHeapOf313 : public testing::TestWithParam<Interpreter> {};

TEST_P(WholeHeapOf313, TakesNothingFromMethodcallersNotCalled) {
  const PythonProgram program(std::vector<std::string>{GetParam().path, "-c", R"py(
import operator, sys
used = [b"\xff" * 31 for _ in range(5000)]
del used
kept = [operator.methodcaller("sort", key=None) for _ in range(2000)]
for each in kept[::2]:
    each([2, 1])
print("READY", flush=True)
sys.stdin.read()
)py"});
  const Outcome outcome = run_command({HEAPGLASS_PROGRAM, "histogram", program.target(), "--format", "json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("\"skipped\""), std::string::npos) << outcome.out;
}

std::vector<Interpreter> of_3_13() {
  std::vector<Interpreter> chosen = supported_interpreters();
  std::erase_if(chosen, [](const Interpreter& each) { return !each.version.starts_with("3.13."); });
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Live, WholeHeapOf313, testing::ValuesIn(of_3_13()), InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WholeHeapOf313);

}  // namespace
}  // namespace heapglass
