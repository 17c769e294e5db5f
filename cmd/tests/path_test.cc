// path and show: each way of losing track of an object is told by its name, on every interpreter.

#include <gtest/gtest.h>

#include <regex>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

Outcome path(const PythonProgram& target, const std::vector<std::string>& options) {
  std::vector<std::string> command{HEAPGLASS_PROGRAM, "path", target.target()};
  command.insert(command.end(), options.begin(), options.end());
  return run_command(command);
}

class PathsTo : public testing::TestWithParam<Interpreter> {};

TEST_P(PathsTo, KnownHoldersAreNamed) {
  PythonProgram target(GetParam().path, "held.py");
  // A module's own way to it, whichever module comes first.
  const std::pair<const char*, const char*> kPaths[] = {
      {"InLruCache",
       "module __main__ -> load -> lru_cache of load \\(maxsize=None, 3 entries\\) -> cache and others, 3 "
       "objects "
       "in all -> \\[\\d+\\] -> __main__.InLruCache"},
      {"InContextVar", "thread \\d+ -> context -> context variables -> .* -> __main__.InContextVar"},
      {"InThreadLocal",
       "module __main__ -> local -> thread local -> .* -> \\['connection'\\] -> __main__.InThread"},
      {"InTraceback",
       "module __main__ -> last_error -> exception builtins.ValueError -> .*traceback -> .*frame .* in fail "
       "-> lost "
       "-> __main__.InTraceback"},
      {"InTask",
       "asyncio task .*of wait_forever -> coroutine -> coroutine wait_forever -> .*what -> __main__.InTask"},
      {"InCallback",
       "asyncio callback -> _callback -> partial of print -> args -> \\[0\\] -> __main__.InCallback"},
      {"InClosure",
       "module __main__ -> handler -> function closure.<locals>.inner -> __closure__ -> \\[0\\] data -> "
       "__main__.InClosure"},
      {"InClassAttribute",
       "module __main__ -> Registry -> class __main__.Registry -> plugins -> \\['first'\\] -> "
       "__main__.InClassAttribute"},
      {"InLogging", "handlers -> \\[0\\] -> logging handler __main__.Handler -> what -> __main__.InLogging"},
      {"InAtexit", "atexit.* -> \\[0\\] -> __main__.InAtexit"},
      {"InSignal", "signal handlers -> \\[10\\] -> partial of print -> args -> \\[0\\] -> __main__.InSignal"},
      {"InWeakrefCallback",
       "module __main__ -> weak -> weak reference with callback -> __callback__ -> partial of print -> args "
       "-> "
       "\\[0\\] -> __main__.InWeakrefCallback"},
      {"InGenerator",
       "module __main__ -> generator -> generator generate -> .*state -> __main__.InGenerator"},
      {"InFrame", "thread \\d+: held.py:\\d+ in main -> request -> __main__.InFrame"},
      {"InThread", "thread \\d+: held.py:\\d+ in in_thread -> worker_state -> __main__.InThread"},
      {"InPartial",
       "module __main__ -> apply -> partial of print -> kw -> \\['flag'\\] -> __main__.InPartial"},
      {"InGarbage", "nothing from outside leads there: garbage"},
      {"InDefault",
       "module __main__ -> with_default -> function with_default -> __defaults__ -> \\[0\\] -> "},
  };
  for (const auto& [type, expected] : kPaths) {
    const Outcome outcome = path(target, {"--type", type, "--all", "1"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(std::regex_search(outcome.out, std::regex(expected))) << type << ": " << outcome.out;
  }
}

// What C code asks for by a char* is a str that nothing but the interpreter's cache of attributes has.
TEST_P(PathsTo, NamesInTheCacheOfAttributesAreTheInterpreters) {
  const PythonProgram target(GetParam().path, "attribute_cache.py");
  const Outcome outcome = run_command(
      {HEAPGLASS_PROGRAM, "query", target.target(), "--format", "csv",
       "SELECT owner, count(*) > 9 AS several FROM objects WHERE type = 'builtins.str' AND refcount = 1 "
       "AND repr LIKE '''asked_by_c_code_%' GROUP BY owner"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "owner,several\r\ninterpreter 0,1\r\n") << outcome.err;
}

// Not by number where the class says which field it is; and a class that only looks so says nothing.
TEST_P(PathsTo, ItemsThatAreFieldsHaveTheirNames) {
  const PythonProgram target(std::vector<std::string>{GetParam().path, "-c", R"py(
import collections, sys, time
class Thing: pass
class Row(collections.namedtuple("Row", "name price item")): pass
class Looks(tuple):
    _fields = ("first", "second")
    first = property(lambda self: self[1])
    second = property(lambda self: self[0])
row, looks, when = Row("n", 1, Thing()), Looks((1, Thing())), time.struct_time([Thing()] + list(range(8)))
print("READY", flush=True)
sys.stdin.read()
)py"});
  const TemporaryFolder folder;
  const std::string snapshot = folder.file("snapshot");
  ASSERT_EQ(
      run_command({HEAPGLASS_PROGRAM, "snapshot", target.target(), "--no-values", "-o", snapshot}).status, 0);
  for (const std::string& each : {target.target(), snapshot}) {
    const std::string told = run_command({HEAPGLASS_PROGRAM, "path", each, "--type", "__main__.Thing",
                                          "--all", "9", "--format", "json"})
                                 .out;
    for (const char* part :
         {"-> item -> __main__.Thing", "-> tm_year -> __main__.Thing", "-> [1] -> __main__.Thing"})
      EXPECT_NE(told.find(part), std::string::npos) << part << " is not in " << told;
  }
}

INSTANTIATE_TEST_SUITE_P(Live, PathsTo, testing::ValuesIn(interpreters_of_the_day("WaysTo")),
                         InterpreterName());
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PathsTo);

class Path : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    target_ = std::make_unique<PythonProgram>(supported_interpreters().front().path, "held.py");
  }
  Outcome run(const std::string& command, const std::vector<std::string>& options) {
    std::vector<std::string> words{HEAPGLASS_PROGRAM, command, target_->target()};
    words.insert(words.end(), options.begin(), options.end());
    return run_command(words);
  }
  std::string id_of(const std::string& type) {
    const std::string csv = run("objects", {"--type", type, "--format", "csv"}).out;
    const std::size_t row = csv.find('\n') + 1;
    return csv.substr(row, csv.find(',', row) - row);
  }
  std::unique_ptr<PythonProgram> target_;
};

TEST_F(Path, AvoidsAndBeginsWhereAsked) {
  const std::string all = path(*target_, {"--type", "InTask"}).out;
  EXPECT_NE(all.find("module __main__ -> task"), std::string::npos) << all;
  const std::string other =
      path(*target_, {"--id", id_of("InTask"), "--avoid", "proper_module and repr ~ '__main__'"}).out;
  EXPECT_EQ(other.find("module __main__"), std::string::npos) << other;
  EXPECT_NE(other.find("InTask"), std::string::npos) << other;
  const std::string from = path(*target_, {"--id", id_of("InTask"), "--from", "type == '_asyncio.Task'"}).out;
  EXPECT_NE(from.find("coroutine wait_forever"), std::string::npos) << from;
  EXPECT_EQ(from.find("module"), std::string::npos) << from;
}

TEST_F(Path, IsDrawn) {
  const Outcome dot = path(*target_, {"--type", "InLruCache", "--format", "dot"});
  EXPECT_EQ(dot.status, 0) << dot.err;
  EXPECT_EQ(dot.out.rfind("digraph", 0), 0u) << dot.out.substr(0, 100);
  EXPECT_NE(dot.out.find("_lru_cache_wrapper"), std::string::npos);
}

TEST_F(Path, WithoutATargetIsRefused) {
  const Outcome outcome = path(*target_, {});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("path needs a target object"), std::string::npos) << outcome.err;
}

TEST_F(Path, OfAClassWithoutInstancesSaysSo) {
  const Outcome none = path(*target_, {"--type", "Registry"});
  EXPECT_EQ(none.status, 2);
  EXPECT_NE(none.err.find("(the class is there, and has no instances of its own)"), std::string::npos)
      << none.err;
  const Outcome near = path(*target_, {"--type", "InTsak"});
  EXPECT_NE(near.err.find("did you mean __main__.InTask?"), std::string::npos) << near.err;
}

TEST_F(Path, ShowTellsAllOfOneObject) {
  const Outcome outcome = run("show", {"--id", id_of("InClassAttribute"), "--format", "json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* part : {"\"type\": \"__main__.InClassAttribute\"", "\"refcount\": \"1\"", "\"found\": 1",
                           "\"path\": \"module __main__ -> Registry -> class __main__.Registry -> plugins",
                           "\"referrers\"", "\"referents\"", "\"gc\": \"tracked\""})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << " is not in " << outcome.out;
  EXPECT_EQ(outcome.out.find("\"unaccounted\""), std::string::npos) << outcome.out;
  const Outcome several = run("show", {"--type", "InLruCache"});
  EXPECT_EQ(several.status, 2);
  EXPECT_NE(several.err.find("there are 3 objects"), std::string::npos) << several.err;
}

}  // namespace
}  // namespace heapglass
